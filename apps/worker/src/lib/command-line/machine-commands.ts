import type { CommandSpec } from './command-spec.ts';
import { acceptNew, common, config } from './options.ts';

/** Commands about machines and the command itself. */
export const MACHINE_COMMANDS: readonly CommandSpec[] = [
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
  {
    path: 'doctor',
    summary: 'look for what is wrong here: configuration, store, key, machine',
    options: [
      {
        flags: '--sweep',
        summary: 'also remove from the store what uploads that were interrupted a day ago have left',
      },
      ...common,
    ],
    load: async () => {
      const { doctorCommand } = await import('../commands/doctor.ts');
      return doctorCommand;
    },
  },
  {
    path: 'completion',
    summary: 'print what a shell has to read for completion: bash, zsh, fish',
    arguments: [{ name: '<shell>', summary: 'the shell' }],
    options: [config],
    load: async () => {
      const { completionCommand } = await import('../commands/completion.ts');
      return completionCommand;
    },
  },
];
