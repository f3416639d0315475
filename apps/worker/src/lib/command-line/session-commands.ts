import type { CommandSpec } from './command-spec.ts';
import {
  acceptNew,
  background,
  common,
  confine,
  count,
  detach,
  durationMs,
  host,
  message,
  port,
  portNumber,
  seed,
} from './options.ts';

/** Commands that start, watch and end sessions. */
export const SESSION_COMMANDS: readonly CommandSpec[] = [
  {
    path: 'run',
    summary: 'run one task and save what it delivers',
    arguments: [{ name: '<task.yaml>', summary: 'the task file', completes: 'file' }],
    options: [host, seed, acceptNew, confine, detach, background, ...common],
    endsSession: true,
    runsTasks: true,
    load: async () => {
      const { runTaskFile } = await import('../commands/run.ts');
      return runTaskFile;
    },
  },
  {
    path: 'resume',
    summary: 'go on where the last run of a task ended',
    arguments: [{ name: '<task>', summary: 'the task, or a session of it', completes: 'session' }],
    options: [
      message,
      { flags: '--task <task.yaml>', summary: 'a task file in the place of the one it had', completes: 'file' },
      host,
      acceptNew,
      confine,
      detach,
      background,
      ...common,
    ],
    endsSession: true,
    runsTasks: true,
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
    runsTasks: true,
    load: async () => {
      const { recoverCommand } = await import('../commands/recover.ts');
      return recoverCommand;
    },
  },
  {
    path: 'submit',
    summary: 'put a task into the queue, for a worker to take',
    arguments: [{ name: '<task.yaml>', summary: 'the task file', completes: 'file' }],
    options: [
      seed,
      { flags: '--resume', summary: 'go on where the last run of the task ended' },
      message,
      { flags: '--wait', summary: 'until it is over, and end as it does' },
      ...common,
    ],
    load: async () => {
      const { submitCommand } = await import('../commands/submit.ts');
      return submitCommand;
    },
  },
  {
    path: 'work',
    summary: 'take tasks from the queue until told to stop',
    runsTasks: true,
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
    runsTasks: true,
    load: async () => {
      const { serveCommand } = await import('../commands/serve.ts');
      return serveCommand;
    },
  },
];
