import type { CreateSshHostOptions } from '../options.ts';
import { configFailed } from './config-errors.ts';
import { single, type SshSettings } from './settings.ts';

/** Time limits as the configuration sets them. Where it sets none, those of `createSshHost` stay. */
export function timingFrom(settings: SshSettings): {
  readonly options: Pick<CreateSshHostOptions, 'connectTimeoutMs' | 'keepaliveIntervalMs' | 'keepaliveCount'>;
  readonly ignored: readonly string[];
} {
  const connect = parseSeconds(single(settings, 'connecttimeout') ?? 'none', 'ConnectTimeout');
  const interval = parseSeconds(single(settings, 'serveraliveinterval') ?? '0', 'ServerAliveInterval');
  const count = Number(single(settings, 'serveralivecountmax') ?? '3');
  const ignored: string[] = [];
  // 0 means "for ever" to ssh; a lost link has to be noticed here, so the default stays. It is also what ssh prints unset.
  if (!Number.isInteger(count) || count < 0) throw configFailed('ServerAliveCountMax is no number');
  if (count === 0) ignored.push('ServerAliveCountMax 0: a lost connection is always noticed');
  return {
    options: {
      ...(connect > 0 ? { connectTimeoutMs: connect * 1000 } : {}),
      ...(interval > 0 ? { keepaliveIntervalMs: interval * 1000 } : {}),
      ...(count > 0 ? { keepaliveCount: count } : {}),
    },
    ignored,
  };
}

const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90`, `1m30s`; 0 for `none`. */
function parseSeconds(value: string, keyword: string): number {
  if (value.toLowerCase() === 'none') return 0;
  if (!/^(?:\d{1,9}[smhdw]?)+$/i.test(value)) throw configFailed(`${keyword} is no time: ${value}`);
  let seconds = 0;
  for (const [, amount = '', unit = ''] of value.matchAll(/(\d{1,9})([smhdw]?)/gi)) {
    seconds += Number(amount) * (units[unit.toLowerCase()] ?? 1);
  }
  return seconds;
}
