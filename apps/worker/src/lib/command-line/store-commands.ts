import type { CommandSpec } from './command-spec.ts';
import { acceptCode, acceptNew, ageMs, amount, common, durationMs, host } from './options.ts';

/** Commands about what the store keeps: seeds, snapshots, keys. */
export const STORE_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'seeds ls',
    summary: 'list seeds, newest first',
    options: [...common],
    load: async () => {
      const { listSeedsCommand } = await import('../commands/seeds.ts');
      return listSeedsCommand;
    },
  },
  {
    path: 'seeds show',
    summary: 'show what is known of a seed',
    arguments: [{ name: '<id>', summary: 'the seed', completes: 'seed' }],
    options: [...common],
    load: async () => {
      const { showSeedCommand } = await import('../commands/seeds.ts');
      return showSeedCommand;
    },
  },
  {
    path: 'seeds capture',
    summary: 'keep the login and model of a home as a seed',
    arguments: [{ name: '[home]', summary: 'the home directory', completes: 'directory' }],
    options: [
      { flags: '--from-home', summary: 'take your own home, that is the login of your own opencode' },
      { flags: '--label <text>', summary: 'a name for people' },
      {
        flags: '--model <provider/model>',
        summary: 'the model to start with; default: the one configured in the home',
      },
      { flags: '--everything', summary: 'also configuration and plugins' },
      acceptCode,
      {
        flags: '--expires <duration>',
        summary: 'not to be used any more after this time, such as 20d',
        parse: durationMs,
      },
      host,
      acceptNew,
      ...common,
    ],
    load: async () => {
      const { captureSeedCommand } = await import('../commands/seeds-transfer.ts');
      return captureSeedCommand;
    },
  },
  {
    path: 'seeds plant',
    summary: 'put the files of a seed into a home',
    arguments: [
      { name: '<id>', summary: 'the seed', completes: 'seed' },
      { name: '<home>', summary: 'the home directory', completes: 'directory' },
    ],
    options: [host, acceptNew, ...common],
    load: async () => {
      const { plantSeedCommand } = await import('../commands/seeds-transfer.ts');
      return plantSeedCommand;
    },
  },
  {
    path: 'seeds verify',
    summary: 'read, open and check seeds, all of them without an id',
    arguments: [{ name: '[id...]', summary: 'the seeds', completes: 'seed' }],
    options: [...common],
    load: async () => {
      const { verifySeedsCommand } = await import('../commands/seeds.ts');
      return verifySeedsCommand;
    },
  },
  {
    path: 'seeds rotate',
    summary: 'seal all that the store holds anew, for the keys it has by now',
    options: [...common],
    load: async () => {
      const { rotateSeedsCommand } = await import('../commands/seeds.ts');
      return rotateSeedsCommand;
    },
  },
  {
    path: 'seeds export',
    summary: 'write a seed to a file, for another store',
    arguments: [
      { name: '<id>', summary: 'the seed', completes: 'seed' },
      { name: '<file>', summary: 'the file to write', completes: 'file' },
    ],
    options: [
      {
        flags: '--for <key>',
        summary: 'seal it for this public key (age1…) and not for this store; may be given again',
        isList: true,
      },
      { flags: '--overwrite', summary: 'replace a file that is there' },
      ...common,
    ],
    load: async () => {
      const { exportSeedCommand } = await import('../commands/seeds-transfer.ts');
      return exportSeedCommand;
    },
  },
  {
    path: 'seeds import',
    summary: 'take a seed out of a file',
    arguments: [{ name: '<file>', summary: 'the file', completes: 'file' }],
    options: [{ flags: '--label <text>', summary: 'a name for people' }, acceptCode, ...common],
    load: async () => {
      const { importSeedCommand } = await import('../commands/seeds-transfer.ts');
      return importSeedCommand;
    },
  },
  {
    path: 'seeds rm',
    summary: 'remove seeds',
    arguments: [{ name: '[id...]', summary: 'the seeds', completes: 'seed' }],
    options: [{ flags: '--expired', summary: 'those whose time is over' }, ...common],
    load: async () => {
      const { removeSeedsCommand } = await import('../commands/seeds.ts');
      return removeSeedsCommand;
    },
  },
  {
    path: 'snapshots ls',
    summary: 'list what can be resumed, newest first',
    arguments: [{ name: '[task]', summary: 'the task', completes: 'session' }],
    options: [...common],
    load: async () => {
      const { listSnapshotsCommand } = await import('../commands/snapshots.ts');
      return listSnapshotsCommand;
    },
  },
  {
    path: 'snapshots show',
    summary: 'show what is known of a snapshot',
    arguments: [{ name: '<id>', summary: 'the snapshot', completes: 'snapshot' }],
    options: [...common],
    load: async () => {
      const { showSnapshotCommand } = await import('../commands/snapshots.ts');
      return showSnapshotCommand;
    },
  },
  {
    path: 'snapshots rm',
    summary: 'remove snapshots',
    arguments: [{ name: '<id...>', summary: 'the snapshots', completes: 'snapshot' }],
    options: [...common],
    load: async () => {
      const { removeSnapshotsCommand } = await import('../commands/snapshots.ts');
      return removeSnapshotsCommand;
    },
  },
  {
    path: 'prune',
    summary: 'remove what has ended and is old: sessions, their reports, tasks of the queue, logs',
    options: [
      { flags: '--older-than <age>', summary: 'what ended longer ago, such as 30d', parse: ageMs },
      { flags: '--keep <n>', summary: 'all but so many of the newest sessions', parse: amount },
      { flags: '--snapshots', summary: 'also their snapshots, so that they cannot be resumed any more' },
      { flags: '--dry-run', summary: 'show what would go, and remove nothing' },
      ...common,
    ],
    load: async () => {
      const { pruneCommand } = await import('../commands/prune.ts');
      return pruneCommand;
    },
  },
  {
    path: 'keys show',
    summary: 'list who can open what the store holds',
    options: [...common],
    load: async () => {
      const { showKeysCommand } = await import('../commands/keys.ts');
      return showKeysCommand;
    },
  },
  {
    path: 'keys new',
    summary: 'make the first key of a store, or a new one in the place of your own',
    options: [...common],
    load: async () => {
      const { newKeyCommand } = await import('../commands/keys.ts');
      return newKeyCommand;
    },
  },
  {
    path: 'keys add',
    summary: 'let one more key open what is sealed from now on',
    arguments: [{ name: '<key>', summary: 'a public key: age1…' }],
    options: [...common],
    load: async () => {
      const { addKeyCommand } = await import('../commands/keys.ts');
      return addKeyCommand;
    },
  },
  {
    path: 'keys remove',
    summary: 'seal nothing more for a key',
    arguments: [{ name: '<key>', summary: 'a public key: age1…' }],
    options: [...common],
    load: async () => {
      const { removeKeyCommand } = await import('../commands/keys.ts');
      return removeKeyCommand;
    },
  },
  {
    path: 'keys export',
    summary: 'print a copy of your own key, or the public keys of the store',
    options: [
      { flags: '--public', summary: 'the public keys, one per line' },
      { flags: '--output <file>', summary: 'write to this new file, readable by you alone', completes: 'file' },
      { flags: '--passphrase <reference>', summary: 'seal the copy with a passphrase: env:NAME or file:PATH' },
      ...common,
    ],
    load: async () => {
      const { exportKeysCommand } = await import('../commands/keys.ts');
      return exportKeysCommand;
    },
  },
];
