import type { CommandSpec, GroupSpec } from './command-spec.ts';
import {
  acceptCode,
  acceptNew,
  background,
  common,
  config,
  confine,
  count,
  detach,
  durationMs,
  host,
  port,
  portNumber,
  seed,
} from './options.ts';

/** Words that several commands begin with. */
export const GROUPS: readonly GroupSpec[] = [
  { path: 'queue', summary: 'tasks that wait for a worker' },
  { path: 'seeds', summary: 'logins and models that sessions can start from' },
  { path: 'snapshots', summary: 'what sessions left to be resumed' },
  { path: 'keys', summary: 'who can open what the store holds' },
  { path: 'host', summary: 'machines to run on' },
];

/** Every command there is. Help, the README's table and completion come from here. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    path: 'run',
    summary: 'run one task and save what it delivers',
    arguments: [{ name: '<task.yaml>', summary: 'the task file', completes: 'file' }],
    options: [host, seed, acceptNew, confine, detach, background, ...common],
    endsSession: true,
    load: async () => {
      const { runTaskFile } = await import('../commands/run.ts');
      return runTaskFile;
    },
  },
  {
    path: 'resume',
    summary: 'go on where the last run of a task ended',
    arguments: [{ name: '<task>', summary: 'the task, or a session of it', completes: 'session' }],
    options: [host, acceptNew, confine, detach, background, ...common],
    endsSession: true,
    load: async () => {
      const { resumeCommand } = await import('../commands/resume.ts');
      return resumeCommand;
    },
  },
  {
    path: 'ls',
    summary: 'list sessions, newest first',
    options: [{ flags: '--all', summary: 'not the newest 30 alone' }, ...common],
    load: async () => {
      const { listSessionsCommand } = await import('../commands/sessions.ts');
      return listSessionsCommand;
    },
  },
  {
    path: 'show',
    summary: 'show what is known of a session',
    arguments: [
      { name: '<session>', summary: 'its id, the beginning of it, or the name of a task', completes: 'session' },
    ],
    options: [...common],
    load: async () => {
      const { showSessionCommand } = await import('../commands/sessions.ts');
      return showSessionCommand;
    },
  },
  {
    path: 'logs',
    summary: 'print what a session reported',
    arguments: [
      { name: '<session>', summary: 'its id, the beginning of it, or the name of a task', completes: 'session' },
    ],
    options: [{ flags: '-f, --follow', summary: 'go on until it is over' }, ...common],
    load: async () => {
      const { logsCommand } = await import('../commands/attach.ts');
      return logsCommand;
    },
  },
  {
    path: 'attach',
    summary: 'watch a session, in whatever process it runs, and end as it does',
    arguments: [
      { name: '<session>', summary: 'its id, the beginning of it, or the name of a task', completes: 'session' },
    ],
    options: [...common],
    load: async () => {
      const { attachCommand } = await import('../commands/attach.ts');
      return attachCommand;
    },
  },
  {
    path: 'cancel',
    summary: 'end a session in good order, in whatever process it runs',
    arguments: [
      { name: '<session>', summary: 'its id, the beginning of it, or the name of a task', completes: 'session' },
    ],
    options: [
      { flags: '--reason <text>', summary: 'why; the session says it' },
      { flags: '--wait', summary: 'until it is over' },
      ...common,
    ],
    load: async () => {
      const { cancelCommand } = await import('../commands/sessions.ts');
      return cancelCommand;
    },
  },
  {
    path: 'pull',
    summary: 'bring the working directory of a session here, or its changes as a patch',
    arguments: [
      { name: '<session>', summary: 'its id, the beginning of it, or the name of a task', completes: 'session' },
      { name: '[directory]', summary: 'where to; default: the name of the task', completes: 'directory' },
    ],
    options: [{ flags: '--patch', summary: 'print what is different from the files it was given' }, ...common],
    load: async () => {
      const { pullCommand } = await import('../commands/pull.ts');
      return pullCommand;
    },
  },
  {
    path: 'recover',
    summary: 'take up sessions whose worker is gone, and go on with them',
    arguments: [{ name: '[session...]', summary: 'all that have no worker without', completes: 'session' }],
    options: [...common],
    endsSession: true,
    load: async () => {
      const { recoverCommand } = await import('../commands/recover.ts');
      return recoverCommand;
    },
  },
  {
    path: 'submit',
    summary: 'put a task into the queue, for a worker to take',
    arguments: [{ name: '<task.yaml>', summary: 'the task file', completes: 'file' }],
    options: [seed, { flags: '--wait', summary: 'until it is over, and end as it does' }, ...common],
    load: async () => {
      const { submitCommand } = await import('../commands/submit.ts');
      return submitCommand;
    },
  },
  {
    path: 'work',
    summary: 'take tasks from the queue until told to stop',
    options: [
      { flags: '--jobs <n>', summary: 'tasks at the same time; default: 1', parse: count },
      {
        flags: '--lease <duration>',
        summary: 'after so long without a sign of life another worker takes over; default: 1m',
        parse: durationMs,
      },
      { flags: '--name <text>', summary: 'how it is called; default: the machine and some letters' },
      { flags: '--drain', summary: 'end when the queue is empty' },
      { flags: '--metrics <port>', summary: 'serve figures for Prometheus at this port of this machine', parse: port },
      {
        flags: '--log <format>',
        summary: 'lines for people, or JSON lines on stderr; default: plain',
        choices: ['plain', 'json'],
      },
      ...common,
    ],
    load: async () => {
      const { workCommand } = await import('../commands/work.ts');
      return workCommand;
    },
  },
  {
    path: 'queue ls',
    summary: 'list tasks that wait or are at work, oldest first',
    options: [{ flags: '--all', summary: 'also those that have ended' }, ...common],
    load: async () => {
      const { listQueueCommand } = await import('../commands/submit.ts');
      return listQueueCommand;
    },
  },
  {
    path: 'queue rm',
    summary: 'take a task out of the queue that no worker has begun',
    arguments: [{ name: '<task>', summary: 'its name' }],
    options: [...common],
    load: async () => {
      const { removeQueuedCommand } = await import('../commands/submit.ts');
      return removeQueuedCommand;
    },
  },
  {
    path: 'serve',
    summary: 'the dashboard in a browser: watch, answer, take over',
    options: [
      { flags: '--port <number>', summary: 'on the loopback interface; a free one without', parse: portNumber },
      ...common,
    ],
    endsSession: true,
    load: async () => {
      const { serveCommand } = await import('../commands/serve.ts');
      return serveCommand;
    },
  },
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
