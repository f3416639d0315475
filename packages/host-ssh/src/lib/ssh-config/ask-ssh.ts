import { execFile } from 'node:child_process';

import { configFailed } from './config-errors.ts';
import type { ConfigSource, SettingsQuestion, SshSettings } from './settings.ts';

/**
 * Asks this machine's `ssh` what its configuration says, as `ssh -G` prints it. Nothing is connected; commands of `Match exec`
 * are run by it. Resolves with `undefined` where there is no `ssh`, rejects with `CONFIG_FAILED` for what it refuses.
 */
export function askSsh(
  question: SettingsQuestion,
  source: ConfigSource,
  abortSignal: AbortSignal,
): Promise<SshSettings | undefined> {
  const { destination, jumps } = question;
  const args = [
    '-G',
    ...(source.configFile === undefined ? [] : ['-F', source.configFile]),
    ...(destination.user === undefined ? [] : ['-l', destination.user]),
    ...(destination.port === undefined ? [] : ['-p', String(destination.port)]),
    ...(jumps.length === 0 ? [] : ['-J', jumps.join(',')]),
    '--',
    destination.host,
  ];
  return new Promise((resolve, reject) => {
    const options = { env: source.env as NodeJS.ProcessEnv, signal: abortSignal };
    const child = execFile('ssh', args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(parseSettings(stdout));
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return resolve(undefined);
      if (abortSignal.aborted) return reject(abortSignal.reason as Error);
      const said = stderr
        .trim()
        .replaceAll(/\p{C}+/gu, ' ')
        .slice(0, 2048);
      reject(configFailed(`ssh -G ${destination.host} ended with ${String(error.code ?? error.signal)}: ${said}`));
    });
    // What asks would wait for ever; and a pipe that nobody writes to is one more thing to close.
    child.stdin?.on('error', () => {}).end();
  });
}

/** Reads the lines that `ssh -G` prints. Lists are joined by spaces there, and taken apart again. */
function parseSettings(text: string): SshSettings {
  const settings = new Map<string, readonly string[]>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    if (at === -1) continue;
    const keyword = line.slice(0, at).toLowerCase();
    const value = line.slice(at + 1);
    const isList = keyword === 'userknownhostsfile' || keyword === 'globalknownhostsfile';
    settings.set(keyword, [...(settings.get(keyword) ?? []), ...(isList ? value.split(' ') : [value])]);
  }
  return settings;
}
