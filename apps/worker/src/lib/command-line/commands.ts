import type { CommandSpec, GroupSpec } from './command-spec.ts';
import { MACHINE_COMMANDS } from './machine-commands.ts';
import { SESSION_COMMANDS } from './session-commands.ts';
import { STORE_COMMANDS } from './store-commands.ts';

/** Words that several commands begin with. */
export const GROUPS: readonly GroupSpec[] = [
  { path: 'queue', summary: 'tasks that wait for a worker' },
  { path: 'seeds', summary: 'logins and models that sessions can start from' },
  { path: 'snapshots', summary: 'what sessions left to be resumed' },
  { path: 'keys', summary: 'who can open what the store holds' },
  { path: 'host', summary: 'machines to run on' },
];

/** Every command there is. Help, the README's table and completion come from here. */
export const COMMANDS: readonly CommandSpec[] = [...SESSION_COMMANDS, ...STORE_COMMANDS, ...MACHINE_COMMANDS];
