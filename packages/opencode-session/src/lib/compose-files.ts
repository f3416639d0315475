import { composeAgentsMd } from '@optio-ts/agents-prompt';
import type { LogProtocol, ResumeSection } from '@optio-ts/agents-prompt';
import type { HostFile } from '@optio-ts/host-core';
import { opencodeFiles } from '@optio-ts/opencode-launcher';
import type { AuthEntry, OpencodeConfig } from '@optio-ts/opencode-launcher';

/** The agent's instructions, in the workdir. */
export const AGENTS_FILE = 'AGENTS.md';

/** Where the task's own AGENTS.md goes, since ours takes its place. */
export const PROJECT_INSTRUCTIONS_FILE = 'AGENTS.project.md';

/** What the files of a start are made from. */
export interface ComposeFilesOptions {
  readonly protocol: LogProtocol;
  readonly task: string;
  /** Of opencode. */
  readonly version: string;
  readonly config: OpencodeConfig;
  readonly homeConfig: OpencodeConfig | undefined;
  readonly login: Readonly<Record<string, AuthEntry>> | undefined;
  /** Whether a person drives, who can answer questions. */
  readonly isAttended: boolean;
  /** What the agent is told about snapshots: the patterns that are left out, or that there are none. */
  readonly resume: false | ResumeSection;
}

/** Our own files of every start, fresh or resumed, relative to the workdir. Pure. */
export function composeFiles(options: ComposeFilesOptions): HostFile[] {
  const { protocol, task, version, config, homeConfig, login, isAttended, resume } = options;
  return [
    { path: AGENTS_FILE, content: composeAgentsMd({ protocol, task, resume }), mode: 0o600 },
    ...opencodeFiles({
      version,
      config,
      isAttended,
      ...(homeConfig && { homeConfig }),
      ...(login && { login }),
    }),
  ];
}

/** What became of the caller's files. */
export interface PlacedFiles {
  readonly files: readonly HostFile[];
  /** The files among them that ours take the place of, by path. */
  readonly replaced: readonly string[];
  /** Whether the task brought instructions of its own, now in `PROJECT_INSTRUCTIONS_FILE`. */
  readonly hasInstructions: boolean;
}

/** Makes room for our files among the caller's: its AGENTS.md gets another name, and what ours replace is told. */
export function placeFiles(given: readonly HostFile[], own: readonly HostFile[]): PlacedFiles {
  const taken = new Set(own.map(({ path }) => path));
  const files: HostFile[] = [];
  const replaced: string[] = [];
  let hasInstructions = false;
  for (const file of given) {
    const path = file.path.replace(/^(?:\.\/)+/, '');
    if (path === AGENTS_FILE) {
      hasInstructions = true;
      files.push({ ...file, path: PROJECT_INSTRUCTIONS_FILE });
    } else if (taken.has(path)) replaced.push(path);
    else files.push(file);
  }
  return { files, replaced, hasInstructions };
}
