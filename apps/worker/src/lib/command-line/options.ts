import { InvalidArgumentError } from 'commander';

import { MAX_AGE_MS, parseDuration } from '../duration.ts';
import { isMongoUrl } from '../places.ts';
import type { OptionSpec } from './command-spec.ts';

/** Options that many commands share. Each command has `json`, `store` and `config`. */
const json: OptionSpec = { flags: '--json', summary: 'one JSON object per line on stdout' };
const store: OptionSpec = {
  flags: '--store <place>',
  summary: 'the store: a SQLite file or a mongodb:// URL',
  parse: storePlace,
  completes: 'file',
};
export const config: OptionSpec = {
  flags: '--config <path>',
  summary: "the worker's configuration",
  completes: 'file',
};
export const common: readonly OptionSpec[] = [json, store, config];
export const host: OptionSpec = {
  flags: '--host <name>',
  summary: 'the machine: a name of the configuration or of ssh_config, or local',
  completes: 'host',
};
export const acceptNew: OptionSpec = {
  flags: '--accept-new',
  summary: 'write down the key of a host that known_hosts does not know',
};
export const acceptCode: OptionSpec = {
  flags: '--accept-code',
  summary: 'keep what can run code or redirect traffic; only from somebody whose code you would run',
};
export const seed: OptionSpec = { flags: '--seed <id>', summary: 'the seed to start from', completes: 'seed' };
export const detach: OptionSpec = {
  flags: '--detach',
  summary: 'run it in the background, and print the id of its session',
};
export const background: OptionSpec = { flags: '--background', summary: 'the process of --detach', isHidden: true };
export const message: OptionSpec = {
  flags: '-m, --message <text>',
  summary: 'what the agent is to do beside, or next',
  parse: words,
};
export const confine: OptionSpec = {
  flags: '--confine <mode>',
  summary: "the agent's view of the machine",
  choices: ['auto', 'required', 'off'],
};

/** Reads the value of `--store`. A password in a URL would be there for every user of the machine to see. */
function storePlace(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must be the path of a file or a mongodb:// URL.');
  if (isMongoUrl(value)) {
    if (/^[^/]*\/\/[^/@]*:[^/@]*@/.test(value)) {
      throw new InvalidArgumentError(
        'A password on a command line is there for everybody to see: put the URL into OPTIO_STORE or the configuration.',
      );
    }
    return value;
  }
  if (/^[a-z][a-z0-9+]*:\/\//i.test(value)) {
    throw new InvalidArgumentError('It must be the path of a file or a mongodb:// URL.');
  }
  return value;
}

/** Reads a duration such as `30m`, as milliseconds. */
export function durationMs(value: string): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) throw new InvalidArgumentError('Write 90s, 30m, 2h or 1h30m, at most 20d.');
  return milliseconds;
}

/** Reads words that are to be said. */
function words(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('It must say something.');
  return value;
}

/** Reads an age such as `12h` or `30d`, as milliseconds: no timer waits for it, so it may be long. */
export function ageMs(value: string): number {
  const milliseconds = parseDuration(value, MAX_AGE_MS);
  if (milliseconds === undefined) throw new InvalidArgumentError('Write 12h or 30d, at most 36500d.');
  return milliseconds;
}

/** Reads a whole number, which may be 0. */
export function amount(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError('It must be a whole number from 0 to 999999.');
  return Number(value);
}

/** Reads a whole number above 0. */
export function count(value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
  return Number(value);
}

/** Reads the value of `--port`. */
export function portNumber(value: string): number {
  const port = Number(value);
  if (!/^\d{1,5}$/.test(value) || port > 65_535) throw new InvalidArgumentError('It must be a number from 0 to 65535.');
  return port;
}

/** Reads the number of a port. */
export function port(value: string): number {
  const number = Number(value);
  if (/^\d{1,5}$/.test(value) && number >= 1 && number <= 65_535) return number;
  throw new InvalidArgumentError('It must be the number of a port, 1 to 65535.');
}
