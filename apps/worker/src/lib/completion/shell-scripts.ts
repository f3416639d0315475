/** The shells that completion is there for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** One of them. */
export type Shell = (typeof SHELLS)[number];

/**
 * What each shell has to read once. All of them ask `optio __complete` with the words so far; it answers with a line for each candidate,
 * its summary after a tab, and `:file` where the shell is to offer paths.
 */
export const SHELL_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_optio() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = :file ]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
    else
      COMPREPLY+=("\${line%%$'\\t'*}")
    fi
  done < <(optio __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _optio optio
`,
  zsh: `#compdef optio
_optio() {
  local line
  local -a found
  for line in "\${(@f)$(optio __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :file ]]; then
      _files
    elif [[ -n $line ]]; then
      found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  if (( $#found )); then _describe optio found; fi
}
compdef _optio optio
`,
  fish: `function __optio_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in (optio __complete $words[2..-1] "$current" 2>/dev/null)
    if test "$line" = :file
      __fish_complete_path "$current"
    else
      echo $line
    end
  end
end
complete -c optio -f -a '(__optio_complete)'
`,
};
