import { HostError, probeHost } from '@optio-ts/host-core';
import type { Host, HostProbe } from '@optio-ts/host-core';
import { OPENCODE_VERSION, ensureOpencode } from '@optio-ts/opencode-installer';

import { messageOf } from '../errors.ts';
import type { OpenedHost } from './open-host.ts';
import { findExposures } from './reach.ts';

/** What was found out about a machine. */
export interface HostReport {
  readonly type: 'host';
  readonly name: string;
  /** How the machine is called in messages: `alice@build-3`. */
  readonly description: string;
  /** Whether a session could run there. */
  readonly isUsable: boolean;
  readonly isReachable: boolean;
  /** Why it is not usable; `undefined` where it is. */
  readonly problem?: string;
  /** The error's code, for programs. */
  readonly problemCode?: string;
  /** Which host keys are accepted; absent on this machine. */
  readonly hostKeys?: string;
  /** Whether the host's key was accepted; absent on this machine and where it did not come to that. */
  readonly isKeyTrusted?: boolean;
  readonly connectMs?: number;
  /** Of one command on a warm connection: the best of five. */
  readonly roundTripMs?: number;
  readonly os?: string;
  readonly arch?: string;
  readonly libc?: string;
  readonly hasAvx2?: boolean;
  readonly user?: string;
  readonly home?: string;
  readonly tools?: Readonly<Record<string, string>>;
  readonly canConfine?: boolean;
  readonly freeDiskBytes?: number;
  /** opencode in the cache; absent where it would be installed first. */
  readonly opencode?: { readonly version: string; readonly path: string };
  /** What would make sessions worse or less safe than they could be, each with its remedy. */
  readonly warnings: readonly string[];
}

/** Below it an installation of opencode and a session do not fit for sure. */
const LITTLE_DISK_BYTES = 1024 ** 3;

/** Looks at a machine from all sides; changes nothing on it. Throws only for an abort. */
export async function reportHost(
  opened: OpenedHost,
  { abortSignal, looksAround }: { readonly abortSignal: AbortSignal; readonly looksAround: boolean },
): Promise<HostReport> {
  const { host, hostKeys, name } = opened;
  const warnings = opened.ignored.map((reason) => `ssh_config: not followed: ${reason}`);
  const about = {
    type: 'host',
    name,
    description: host.description,
    ...(hostKeys === undefined ? {} : { hostKeys }),
  } as const;
  const startedAt = performance.now();
  let probe: HostProbe;
  try {
    probe = await probeHost(host, { abortSignal });
  } catch (error) {
    if (abortSignal.aborted) throw error;
    const code = HostError.is(error) ? error.code : undefined;
    const isReachable = code !== 'CONNECT_FAILED' && code !== 'HOST_KEY_REFUSED';
    return {
      ...about,
      isUsable: false,
      isReachable,
      problem: messageOf(error).split('\n')[0] ?? '',
      ...(code === undefined ? {} : { problemCode: code }),
      ...(hostKeys === undefined || (!isReachable && code !== 'HOST_KEY_REFUSED')
        ? {}
        : { isKeyTrusted: code !== 'HOST_KEY_REFUSED' }),
      warnings,
    };
  }
  const connectMs = Math.round(performance.now() - startedAt);
  const roundTripMs = await roundTripOf(host, abortSignal);
  const [opencode, exposures] = await Promise.all([
    installedOpencode(opened, probe, abortSignal),
    (looksAround ? findExposures(host, { abortSignal }) : Promise.resolve([])).catch((error: unknown) => {
      if (abortSignal.aborted) throw error;
      return [{ what: `what is within reach was not looked at: ${messageOf(error).split('\n')[0]}`, remedy: '' }];
    }),
  ]);
  warnings.push(...warningsOf(probe, opencode !== undefined));
  for (const { what, remedy } of exposures) warnings.push(remedy === '' ? what : `${what}; ${remedy}`);
  const { os, arch, libc, hasAvx2, user, home, tools, canConfine, freeDiskBytes } = probe;
  return {
    ...about,
    isUsable: true,
    isReachable: true,
    ...(hostKeys === undefined ? {} : { isKeyTrusted: true }),
    connectMs,
    roundTripMs,
    os,
    arch,
    libc,
    hasAvx2,
    user,
    home,
    tools,
    canConfine,
    ...(freeDiskBytes === undefined ? {} : { freeDiskBytes }),
    ...(opencode && { opencode }),
    warnings,
  };
}

async function roundTripOf(host: Host, abortSignal: AbortSignal): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const startedAt = performance.now();
    await host.run(['true'], { abortSignal, timeoutMs: 30_000 });
    best = Math.min(best, performance.now() - startedAt);
  }
  return Math.round(best * 100) / 100;
}

async function installedOpencode(
  { host, cacheDirectory }: OpenedHost,
  probe: HostProbe,
  abortSignal: AbortSignal,
): Promise<HostReport['opencode'] | undefined> {
  try {
    const { path, version } = await ensureOpencode(host, {
      probe,
      installIfMissing: false,
      // Looking is no reason to remove what is old.
      evict: false,
      abortSignal,
      ...(cacheDirectory === undefined ? {} : { cacheDirectory }),
    });
    return { path, version };
  } catch (error) {
    if (abortSignal.aborted) throw error;
    return undefined;
  }
}

/** Pure. */
export function warningsOf(
  probe: Pick<HostProbe, 'canConfine' | 'tools' | 'freeDiskBytes' | 'uid' | 'os'>,
  hasOpencode: boolean,
): string[] {
  const warnings: string[] = [];
  if (!probe.canConfine) {
    const why =
      probe.tools['bwrap'] === undefined
        ? 'there is no bubblewrap; install it (apt-get install bubblewrap)'
        : 'bubblewrap does not work for this user; allow unprivileged user namespaces';
    warnings.push(
      `an agent would see all that its user sees: ${probe.os === 'linux' ? why : 'only Linux can confine'}`,
    );
  }
  if (probe.uid === 0) warnings.push('sessions would run as root; log in as another user');
  if (probe.freeDiskBytes !== undefined && probe.freeDiskBytes < LITTLE_DISK_BYTES) {
    warnings.push(`little disk is left: ${Math.round(probe.freeDiskBytes / 1024 ** 2)} MiB; free some`);
  }
  if (probe.tools['git'] === undefined) warnings.push('there is no git, which agents use; install it');
  if (!hasOpencode) warnings.push(`opencode ${OPENCODE_VERSION} is not installed yet; the first session does it`);
  return warnings;
}

/** The report for people, line by line: a word and what is to be said of it. */
export function hostReportLines(report: HostReport): readonly (readonly [string, string])[] {
  const lines: (readonly [string, string])[] = [['host', `${report.name} (${report.description})`]];
  const add = (word: string, text: string | undefined): void => {
    if (text !== undefined) lines.push([word, text]);
  };
  add('usable', report.isUsable ? 'yes' : 'no');
  add(
    'reachable',
    report.isReachable ? `yes${report.connectMs === undefined ? '' : `, within ${report.connectMs} ms`}` : 'no',
  );
  add('problem', report.problem);
  if (report.hostKeys !== undefined) {
    const trust = { true: 'trusted, by', false: 'refused, by', undefined: 'not seen; asked would be' }[
      `${report.isKeyTrusted}`
    ];
    add('host key', `${trust} ${report.hostKeys}`);
  }
  if (report.isUsable) {
    add('round trip', `${report.roundTripMs} ms`);
    add(
      'system',
      `${report.os} ${report.arch}, ${report.libc}${report.arch === 'x64' && report.hasAvx2 === false ? ', without AVX2' : ''}`,
    );
    add('user', `${report.user}, home ${report.home}`);
    add('tools', Object.keys(report.tools ?? {}).join(' '));
    add('confinement', report.canConfine === true ? 'works' : 'does not work');
    add(
      'disk',
      report.freeDiskBytes === undefined ? 'unknown' : `${(report.freeDiskBytes / 1024 ** 3).toFixed(1)} GiB free`,
    );
    add(
      'opencode',
      report.opencode === undefined ? 'not installed' : `${report.opencode.version}, ${report.opencode.path}`,
    );
  }
  for (const warning of report.warnings) add('warning', warning);
  return lines;
}
