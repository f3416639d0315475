import type { CommandSpec, GroupSpec } from './command-spec.ts';
import { acceptNew, common, confine, host } from './options.ts';

/** Words that several commands begin with. */
export const GROUPS: readonly GroupSpec[] = [
  { path: 'seeds', summary: 'logins and models that sessions can start from' },
  { path: 'host', summary: 'machines to run on' },
];

/** Every command there is. Help, the README's table and completion come from here. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    path: 'run',
    summary: 'run one task and save what it delivers',
    arguments: [{ name: '<task.yaml>', summary: 'the task file', completes: 'file' }],
    options: [host, acceptNew, confine, ...common],
    endsSession: true,
    load: async () => {
      const { runTaskFile } = await import('../commands/run.ts');
      return runTaskFile;
    },
  },
  {
    path: 'seeds ls',
    summary: 'list seeds, newest first',
    options: common,
    load: async () => {
      const { listSeedsCommand } = await import('../commands/seeds.ts');
      return listSeedsCommand;
    },
  },
  {
    path: 'host check',
    summary: 'report on machines: reachable, trusted, what is there, what lies within reach',
    arguments: [
      { name: '[name...]', summary: 'names of machines; all of the configuration without', completes: 'host' },
    ],
    options: [
      { flags: '--no-reach', summary: 'do not knock at databases and the metadata address of that machine' },
      acceptNew,
      ...common,
    ],
    load: async () => {
      const { hostCheckCommand } = await import('../commands/host.ts');
      return hostCheckCommand;
    },
  },
  {
    path: 'host clean',
    summary: 'show task directories and processes that no session owns, and remove them when told to',
    arguments: [{ name: '<name>', summary: 'the machine', completes: 'host' }],
    options: [
      { flags: '--remove', summary: 'remove what is left; without it nothing is changed' },
      { flags: '--kept', summary: 'also what ended sessions kept because it was not safe elsewhere' },
      { flags: '--running', summary: 'also where something runs, which is ended first' },
      acceptNew,
      ...common,
    ],
    load: async () => {
      const { hostCleanCommand } = await import('../commands/host.ts');
      return hostCleanCommand;
    },
  },
];
