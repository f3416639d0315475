import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { matchesPatternList } from '../patterns.ts';
import { configFailed, configUnsupported } from './config-errors.ts';
import { expandHome, expandTokens } from './expand.ts';
import { includedFiles } from './include.ts';
import { knownKeyword } from './keywords.ts';
import { matchesCriteria } from './match-criteria.ts';
import { parseConfig, type ConfigLine } from './parse-config.ts';
import { isYes, type ConfigSource, type SettingsQuestion, type SshSettings } from './settings.ts';

/**
 * Reads the configuration where there is no `ssh` to ask: the user's file, then the system's; the first value of a keyword wins.
 * Rejects with `CONFIG_FAILED` or `CONFIG_UNSUPPORTED`.
 */
export async function readSettings(question: SettingsQuestion, source: ConfigSource): Promise<SshSettings> {
  const { destination, jumps } = question;
  const reading: Reading = { source, alias: destination.host, settings: new Map(), wantsFinalPass: false };
  const { settings } = reading;
  if (destination.user !== undefined) settings.set('user', [destination.user]);
  if (destination.port !== undefined) settings.set('port', [String(destination.port)]);
  if (jumps.length > 0) keep(settings, 'proxyjump', [jumps.join(',')]);

  await readFiles(reading, { host: destination.host, isFinal: false });
  const host = targetHost(reading);
  settings.set('hostname', [host]);
  if (reading.wantsFinalPass) await readFiles(reading, { host, isFinal: true });

  if (isYes(settings.get('canonicalizehostname')?.[0])) {
    throw configUnsupported('CanonicalizeHostname needs an ssh on this machine: install OpenSSH’s client');
  }
  if (!settings.has('user')) settings.set('user', [source.localUser]);
  if (!settings.has('port')) settings.set('port', ['22']);
  return settings;
}

interface Reading {
  readonly source: ConfigSource;
  readonly alias: string;
  readonly settings: Map<string, readonly string[]>;
  wantsFinalPass: boolean;
}

interface Pass {
  /** What `Host` lines are compared with. */
  readonly host: string;
  readonly isFinal: boolean;
}

interface ConfigFile {
  readonly path: string;
  /** Where the files are that Include names without a directory. */
  readonly includeDirectory: string;
  /** The user's own must be writable for nobody else. */
  readonly isPrivate: boolean;
  readonly isOptional: boolean;
  readonly depth: number;
}

async function readFiles(reading: Reading, pass: Pass): Promise<void> {
  const { configFile, home } = reading.source;
  const own = { includeDirectory: join(home, '.ssh'), depth: 0 };
  if (configFile !== undefined) {
    return readConfigFile(reading, pass, { ...own, path: configFile, isPrivate: false, isOptional: false }, true);
  }
  const user = { ...own, path: join(home, '.ssh', 'config'), isPrivate: true, isOptional: true };
  await readConfigFile(reading, pass, user, true);
  const system = { path: '/etc/ssh/ssh_config', includeDirectory: '/etc/ssh', isPrivate: false, isOptional: true };
  await readConfigFile(reading, pass, { ...system, depth: 0 }, true);
}

/** `canApply` is false for what an inactive section includes: it is read, and nothing of it counts. */
async function readConfigFile(reading: Reading, pass: Pass, file: ConfigFile, canApply: boolean): Promise<void> {
  const text = await readText(file);
  if (text === undefined) return;
  let isActive = canApply;
  for (const written of parseConfig(text, file.path)) {
    const line = { ...written, keyword: usualKeyword(reading.settings, written) };
    if (line.keyword === 'host') isActive = canApply && matchesPatternList(line.args, pass.host);
    else if (line.keyword === 'match') isActive = canApply && applies(reading, pass, line);
    else if (line.keyword === 'include') await include(reading, pass, file, line, isActive);
    else if (isActive) assign(reading.settings, line);
  }
}

/** A keyword that nobody knows may be a slip of one that matters, so it is refused, as by `ssh`, unless it is to be ignored. */
function usualKeyword(settings: SshSettings, { keyword, where }: ConfigLine): string {
  const usual = knownKeyword(keyword);
  if (usual !== undefined) return usual;
  const ignored = settings.get('ignoreunknown')?.[0]?.toLowerCase().split(',') ?? [];
  if (!matchesPatternList(ignored, keyword)) {
    throw configFailed(
      `${where}: ${keyword} is no keyword that is known here; IgnoreUnknown ${keyword} passes it over`,
    );
  }
  return keyword;
}

async function readText({ path, isPrivate, isOptional }: ConfigFile): Promise<string | undefined> {
  try {
    if (isPrivate) {
      const { mode, uid } = await stat(path);
      const isOurs = uid === 0 || uid === process.getuid?.();
      if (!isOurs || (mode & 0o022) !== 0) {
        throw configFailed(`${path} can be written by others: chmod go-w it, and let it be yours`);
      }
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isOptional && code === 'ENOENT') return undefined;
    if (code === 'CONFIG_FAILED') throw error;
    throw configFailed(`${path} cannot be read (${code ?? 'unknown error'})`, { cause: error });
  }
}

async function include(
  reading: Reading,
  pass: Pass,
  file: ConfigFile,
  line: ConfigLine,
  canApply: boolean,
): Promise<void> {
  if (file.depth === 16) throw configFailed(`${line.where}: files include each other too deeply`);
  for (const pattern of line.args) {
    let paths: readonly string[];
    try {
      paths = await includedFiles(expandHome(pattern, reading.source), file.includeDirectory);
    } catch (error) {
      throw configUnsupported(`${line.where}: Include ${pattern}: ${(error as Error).message}`);
    }
    for (const path of paths) {
      await readConfigFile(reading, pass, { ...file, path, isOptional: true, depth: file.depth + 1 }, canApply);
    }
  }
}

function applies(reading: Reading, pass: Pass, line: ConfigLine): boolean {
  const { settings, source, alias } = reading;
  const result = matchesCriteria(line, {
    isFinal: pass.isFinal,
    host: targetHost(reading),
    originalHost: alias,
    user: settings.get('user')?.[0] ?? source.localUser,
    localUser: source.localUser,
  });
  if (result.wantsFinalPass) reading.wantsFinalPass = true;
  return result.isMatch;
}

/** The name to connect to, as far as it is known by now. */
function targetHost({ settings, alias }: Reading): string {
  const name = settings.get('hostname')?.[0];
  if (name === undefined) return lowerName(alias);
  try {
    return lowerName(expandTokens(name, { h: alias }));
  } catch (error) {
    throw configFailed(`HostName ${name}: ${(error as Error).message}`);
  }
}

/** OpenSSH writes names in lower case before it looks them up, and leaves addresses alone. */
function lowerName(name: string): string {
  return name.includes(':') ? name : name.toLowerCase();
}

/** These may be given several times, and all of them count. */
const cumulative = new Set([
  'certificatefile',
  'dynamicforward',
  'identityfile',
  'localforward',
  'remoteforward',
  'sendenv',
  'setenv',
]);
/** These take a list. */
const lists = new Set(['globalknownhostsfile', 'sendenv', 'setenv', 'userknownhostsfile']);
/** These are read here and take one value: more of them is a mistake that must not pass for something else. */
const singles = new Set([
  'connecttimeout',
  'hashknownhosts',
  'hostkeyalias',
  'hostname',
  'identitiesonly',
  'identityagent',
  'identityfile',
  'passwordauthentication',
  'port',
  'preferredauthentications',
  'pubkeyauthentication',
  'serveralivecountmax',
  'serveraliveinterval',
  'stricthostkeychecking',
  'user',
]);

function assign(settings: Map<string, readonly string[]>, line: ConfigLine): void {
  const { keyword, args, rest, where } = line;
  if (singles.has(keyword) && args.length > 1) throw configFailed(`${where}: ${keyword} takes one value`);
  if (keyword === 'proxyjump' || keyword === 'proxycommand') return keep(settings, keyword, [rest.trim()]);
  const values = lists.has(keyword) ? args : args.slice(0, 1);
  if (!cumulative.has(keyword)) return keep(settings, keyword, values);
  const before = settings.get(keyword) ?? [];
  settings.set(keyword, [...before, ...values.filter((value) => !before.includes(value))]);
}

/** The first value stays. A ProxyJump and a ProxyCommand exclude each other, and the first of them stays as well. */
function keep(settings: Map<string, readonly string[]>, keyword: string, values: readonly string[]): void {
  if (settings.has(keyword)) return;
  if (keyword === 'proxyjump') {
    if (settings.has('proxycommand')) return;
    if (values[0]?.toLowerCase() !== 'none') settings.set('proxycommand', ['none']);
  }
  settings.set(keyword, values);
}
