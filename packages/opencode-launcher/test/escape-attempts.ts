/** One way out that an agent tries. */
export interface EscapeAttempt {
  /** Letters and `-`. */
  readonly name: string;
  /** Shell text. It runs in an empty directory, with the variables of `EscapeTargets` and `MARK`, a word of its own. */
  readonly script: string;
  /** What shows that it worked: it printed a canary or `it-worked`, the targets hold its mark, or the victim got a signal. */
  readonly proof: 'read' | 'write' | 'signal';
  /** Whom this works for without confinement. @default everybody */
  readonly worksFor?: 'root' | 'others';
}

/** What an attempt is told about the machine, as shell variables: the worst case, an agent that knows every path. */
export interface EscapeTargets {
  /** The worker's SQLite store. */
  readonly STORE: string;
  /** The identity file that decrypts it. */
  readonly KEY: string;
  /** A private key in the home of the user who runs all this. */
  readonly SSH_KEY: string;
  /** Login keys beside it, which can be written. */
  readonly AUTHORIZED: string;
  /** A file in the home of somebody else. */
  readonly OTHER_HOME: string;
  /** A file of another session's directory. */
  readonly OTHER_TASK: string;
  /** The session's own `control/`. */
  readonly CONTROL: string;
  /** A process of the same user, outside: it has a canary in its environment, in its memory and in an open file. */
  readonly VICTIM: string;
  /** A socket at a path, as docker, D-Bus and ssh-agent have them; it answers with a canary. */
  readonly SOCKET: string;
  /** The same below `/run`. */
  readonly RUN_SOCKET: string;
  /** A file in `/dev/shm`. */
  readonly SHM: string;
  /** Id of a System V segment of shared memory. */
  readonly SEGMENT: string;
  /** `cat` with root's set-user-id bit, in `/usr`, and a file there for root alone. */
  readonly SETUID: string;
  readonly SETUID_SECRET: string;
  /** A file in `/usr` that the user may write. */
  readonly PROGRAM_DATA: string;
  /** Name of a key of this user in the kernel's keyring. */
  readonly KEYRING: string;
  /** A handle of `KEY`, as `name_to_handle_at` makes it, in hex: its type and its bytes. */
  readonly HANDLE: string;
}

/** Numbers of system calls: x64, then arm64. */
const calls = {
  ptrace: [101, 117],
  keyctl: [250, 219],
  pidfd_open: [434, 434],
  pidfd_getfd: [438, 438],
  open_by_handle_at: [304, 265],
  setns: [308, 268],
} as const;

function perl(text: string): string {
  const [table, own] = [Object.entries(calls), process.arch === 'arm64' ? 1 : 0];
  const numbers = table.map(([name, pair]) => `$${name}=${pair[own]};`).join('');
  return `perl -MSocket -e '${numbers}${text}'`;
}

const worked = 'echo it"-"worked';
const victimFile = '$(for f in /proc/$VICTIM/fd/*; do case $(readlink "$f") in */opened) echo "$f";; esac; done)';

const read = (name: string, script: string): EscapeAttempt => ({ name, script, proof: 'read' });
const rootRead = (name: string, script: string): EscapeAttempt => ({ name, script, proof: 'read', worksFor: 'root' });
const write = (name: string, script: string): EscapeAttempt => ({ name, script, proof: 'write' });

/** What an agent may try. What would harm the machine without confinement is made harmless by what surrounds it. */
export const escapeAttempts: readonly EscapeAttempt[] = [
  read('store', 'cat "$STORE"'),
  read('store-key', 'cat "$KEY"'),
  read('ssh-key', 'cat "$SSH_KEY"'),
  read('other-home', 'cat "$OTHER_HOME"'),
  read('other-task', 'cat "$OTHER_TASK"'),
  read('control', 'cat "$CONTROL/canary"'),
  rootRead('shadow', `grep -q ^root: /etc/shadow && ${worked}`),
  write('store-write', 'printf "$MARK" >>"$STORE"'),
  write('store-replace', 'printf "$MARK" >"$STORE-new" && mv "$STORE-new" "$STORE-wal"'),
  write('ssh-write', 'printf "$MARK" >>"$AUTHORIZED"'),
  write('other-task-write', 'printf "$MARK" >>"$OTHER_TASK"'),
  write('control-write', 'printf "$MARK" >>"$CONTROL/canary"'),
  write('program-write', 'printf "$MARK" >>"$PROGRAM_DATA"'),
  // Links
  read('symlink', 'ln -s "$KEY" link && cat link'),
  read('symlink-to-the-top', 'ln -s / top && cat "top$KEY"'),
  read('dots', 'cat "../../../../../../../../../../../..$KEY"'),
  read('hard-link', 'ln "$KEY" hard && cat hard'),
  read('hard-link-of-control', 'ln "$CONTROL/canary" hard && cat hard'),
  write('symlink-write', 'ln -s "${STORE%/*}" link && printf "$MARK" >>"link/${STORE##*/}"'),
  // Other processes
  read('environment', 'cat "/proc/$VICTIM/environ"'),
  read('all-environments', 'cat /proc/[0-9]*/environ'),
  read('all-command-lines', 'cat /proc/[0-9]*/cmdline'),
  read('process-root', 'cat "/proc/$VICTIM/root$KEY"'),
  read('all-roots', 'for process in /proc/[0-9]*; do cat "$process/root$KEY"; done'),
  read('process-directory', 'cat "/proc/$VICTIM/cwd/opened"'),
  read('process-file', `cat ${victimFile}`),
  rootRead(
    'memory',
    perl(
      'open M,"/proc/$ENV{VICTIM}/maps" or die; open F,"<:raw","/proc/$ENV{VICTIM}/mem" or die; while(<M>){/^(\\w+)-(\\w+) rw.*(heap|stack)/ or next; sysseek F,hex $1,0; sysread F,$b,hex($2)-hex($1); print $b}',
    ),
  ),
  rootRead(
    'ptrace',
    perl(
      '$v=$ENV{VICTIM}+0; syscall($ptrace,16,$v,0,0)==0 or die; waitpid $v,0x40000000; syscall($ptrace,17,$v,0,0)==0 or die; print "it-","worked"',
    ),
  ),
  { name: 'signal', script: 'kill -USR1 "$VICTIM"', proof: 'signal' },
  rootRead(
    'steal-descriptor',
    perl(
      '$p=syscall($pidfd_open,$ENV{VICTIM}+0,0); $p>=0 or die; for $n (3..20) { $f=syscall($pidfd_getfd,$p,$n,0); next if $f<0; open F,"<&=$f" or next; sysseek F,0,0; sysread F,$b,200; print $b }',
    ),
  ),
  // What the kernel keeps for a user
  read('shared-memory', 'cat "$SHM"'),
  read('system-v-memory', perl('shmread($ENV{SEGMENT},$b,0,64) or die; print $b')),
  read(
    'keyring',
    perl(
      '($u,$d)=("user",$ENV{KEYRING}); $id=syscall($keyctl,10,-4,$u,$d,0); $id>0 or die; $b="\\0"x200; $n=syscall($keyctl,11,$id,$b,200); print substr $b,0,$n',
    ),
  ),
  // Sockets
  read('socket', perl('socket S,AF_UNIX,SOCK_STREAM,0; connect S,sockaddr_un($ENV{SOCKET}) or die; print <S>')),
  read('run-socket', perl('socket S,AF_UNIX,SOCK_STREAM,0; connect S,sockaddr_un($ENV{RUN_SOCKET}) or die; print <S>')),
  // The kernel
  rootRead('enter-namespaces', 'nsenter -t "$VICTIM" -m cat "$KEY"'),
  rootRead(
    'setns',
    perl(
      'open N,"/proc/$ENV{VICTIM}/ns/mnt" or die; syscall($setns,fileno N,0)==0 or die; open F,$ENV{KEY} or die; print <F>',
    ),
  ),
  rootRead('change-root', 'chroot / cat "$KEY"'),
  rootRead('change-root-of-a-process', 'chroot "/proc/$VICTIM/root" cat "$KEY"'),
  rootRead(
    'unmount',
    `unshare -m sh -c 'umount -l "$CONTROL"; umount -l /tmp; umount -l /home; cat "$CONTROL/canary" "$KEY"'`,
  ),
  rootRead('bind-mount', `mkdir top && unshare -m sh -c 'mount --bind / top && cat "top$KEY"'`),
  rootRead('mount', `mkdir memory && unshare -m sh -c 'mount -t tmpfs none memory && ${worked}'`),
  read(
    'user-namespace',
    `unshare -Urm sh -c 'umount -l "$CONTROL"; umount -l /tmp; umount -l /home; umount -l /root; cat "$CONTROL/canary" "$KEY" "$OTHER_HOME"'`,
  ),
  read('user-namespace-mount', `mkdir top && unshare -Urm sh -c 'mount --rbind / top && cat "top$KEY"'`),
  // A disk would have another number; this one may be read everywhere.
  rootRead('device-node', `mknod device c 1 5 && [ "$(head -c 9 device | wc -c)" = 9 ] && ${worked}`),
  rootRead('kernel-log', `timeout 5 dd if=/dev/kmsg bs=8192 count=1 | grep -q . && ${worked}`),
  rootRead('core-pattern', `: >>/proc/sys/kernel/core_pattern && ${worked}`),
  rootRead('kernel-setting', `: >>/proc/sys/kernel/panic && ${worked}`),
  rootRead('control-groups', `: >>/sys/fs/cgroup/cgroup.procs && ${worked}`),
  rootRead(
    'file-handle',
    perl(
      'open D,"." or die; ($t,$h)=split /:/,$ENV{HANDLE}; $b=pack("Ii",length($h)/2,$t).pack("H*",$h); $f=syscall($open_by_handle_at,fileno D,$b,0); $f>=0 or die; open F,"<&=$f"; print <F>',
    ),
  ),
  // Becoming somebody else
  // A file in /usr is root's to read, confined or not.
  {
    name: 'set-user-id',
    script: '[ "$(id -u)" = 0 ] || "$SETUID" "$SETUID_SECRET"',
    proof: 'read',
    worksFor: 'others',
  },
  rootRead('switch-user', `su -s /bin/sh -c "grep -q ^root: /etc/shadow" root && ${worked}`),
  rootRead('switch-user-id', `setpriv --reuid=0 --clear-groups grep -q ^root: /etc/shadow && ${worked}`),
];

/**
 * The agent's program: makes every attempt in a directory of its own below `attempts/` and keeps what it printed there.
 *
 * @param marks prefix of the words that attempts write
 */
export function escapeProgram(targets: EscapeTargets, marks: string): string {
  const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;
  return [
    ...Object.entries(targets).map(([name, value]) => `export ${name}=${quote(value as string)}`),
    'rm -rf attempts; mkdir attempts; cd attempts || exit',
    ...escapeAttempts.map(
      ({ name, script }) =>
        `mkdir ${name}; (cd ${name}; export MARK=${marks}-${name}.; timeout 20 sh -c ${quote(script)}) >${name}.out 2>${name}.err </dev/null`,
    ),
    'echo all attempts made',
    '',
  ].join('\n');
}
