import { createLocalHost, probeHost } from '@optio-ts/host-core';
import { listKeys, listSessionDocuments, openKeyring } from '@optio-ts/seed-engine';

import { messageOf } from '../errors.ts';
import { exitCodeOf } from '../exit-code-of.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { loadHooks } from '../hooks.ts';
import { warningsOf } from '../hosts/host-report.ts';
import { openWithoutKey } from '../open-store.ts';
import { printList } from '../output.ts';
import { isMongoUrl } from '../places.ts';
import { printableLine } from '../printable.ts';
import { resolveReference } from '../secret-reference.ts';
import type { CommandContext } from './context.ts';

/** What `optio doctor` can be told. */
export interface DoctorOptions {
  readonly json?: boolean;
  readonly sweep?: boolean;
}

/** One thing that was looked at. */
interface Check {
  readonly type: 'check';
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'problem';
  readonly message: string;
}

/** `optio doctor`: what is wrong here, each with its remedy. The code of the first problem, or 0. */
export async function doctorCommand(
  _args: readonly string[],
  options: DoctorOptions,
  context: CommandContext,
): Promise<number> {
  const checks: Check[] = [];
  let exitCode: number = EXIT_CODES.done;
  const say = (name: string, status: Check['status'], message: string): void => {
    checks.push({ type: 'check', name, status, message: printableLine(message, 1000) });
  };
  const attempt = async (name: string, look: () => Promise<void>): Promise<void> => {
    try {
      await look();
    } catch (error) {
      if (exitCode === EXIT_CODES.done) exitCode = exitCodeOf(error);
      say(name, 'problem', messageOf(error));
    }
  };
  await attempt('configuration', () => checkConfig(context, say));
  await attempt('store', () => checkStore(context, options, say));
  await attempt('this machine', () => checkMachine(context, say));
  printList(context, checks, { json: options.json, columns: ({ message, name, status }) => [status, name, message] });
  return exitCode;
}

type Say = (name: string, status: Check['status'], message: string) => void;

/** The configuration was read before this began; what it refers to was not. */
async function checkConfig({ config, env }: CommandContext, say: Say): Promise<void> {
  if (!config.isThere) {
    say('configuration', 'ok', `there is none (${config.path}), and none is needed`);
    return;
  }
  const { directory, hooks, hosts, keys } = config;
  say('configuration', 'ok', `${config.path}: ${hosts.size} hosts, ${keys.size} keys, ${hooks.size} hooks`);
  for (const [name, key] of keys) {
    const found = await resolveReference(key.reference, { env, directory });
    if (!found.isResolved) say(`key ${name}`, 'warning', found.reason);
  }
  for (const [name, path] of hooks) {
    const { problems } = await loadHooks([path]);
    for (const { message } of problems) say(`hook ${name}`, 'warning', `${path} ${message}`);
  }
}

async function checkStore({ places }: CommandContext, { sweep }: DoctorOptions, say: Say): Promise<void> {
  const { close, store } = await openWithoutKey(places);
  try {
    const keys = await listKeys({ store, identityPath: places.identity });
    if (keys.length === 0) {
      const how = isMongoUrl(places.store) ? 'optio keys new makes the first one' : 'the first optio run makes both';
      const name = isMongoUrl(places.store) ? store.description : places.store;
      say('store', 'ok', `${name} has no key yet: ${how}`);
      return;
    }
    await openKeyring({ store, identityPath: places.identity });
    say('store', 'ok', `${store.description} can be used, and ${places.identity} opens it`);
    if (keys.some(({ isRetiring }) => isRetiring)) {
      say('keys', 'warning', 'some are retiring; optio seeds rotate seals for the others and lets them go');
    }
    const now = new Date();
    let lost = 0;
    for await (const { owner, state } of listSessionDocuments(store)) {
      if (state !== 'ended' && owner.leaseExpiresAt < now) lost += 1;
    }
    if (lost > 0) say('sessions', 'warning', `${lost} have lost their worker; optio ls shows them`);
    if (sweep === true) {
      const { removedBlobs, youngIntents } = await store.sweep();
      say('sweep', 'ok', `${removedBlobs} leftovers removed, ${youngIntents} younger than a day left alone`);
    }
  } finally {
    await close();
  }
}

async function checkMachine({ env, interrupts }: CommandContext, say: Say): Promise<void> {
  await using host = createLocalHost();
  const probe = await probeHost(host, { abortSignal: interrupts.abortSignal, tools: ['ssh'] });
  say('this machine', 'ok', `${probe.os} ${probe.arch}, Node ${process.versions.node}`);
  for (const warning of warningsOf(probe, true)) say('this machine', 'warning', warning);
  if (probe.tools['ssh'] === undefined) {
    say('ssh', 'warning', 'there is no ssh; its configuration is read without it, and some of it is refused');
  }
  if (env['SSH_AUTH_SOCK'] === undefined)
    say('ssh', 'ok', 'no ssh-agent; keys without a passphrase are used as they are');
}
