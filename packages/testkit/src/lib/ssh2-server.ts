import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';

import ssh2 from 'ssh2';

import { describeKey } from './ssh-keys.ts';
import { openSshServer, type SshServer, type SshServerParts, type SshServerSite } from './ssh-server.ts';
import { handleLogin, type Ssh2LoginOptions } from './ssh2-login.ts';
import type { Ssh2Oddity } from './ssh2-oddity.ts';
import { handleForwards, handleSessions } from './ssh2-session.ts';

/** Options of `startSsh2Server`. */
export interface StartSsh2ServerOptions {
  /** Who is let in, and how. @default the key it makes */
  readonly login?: Ssh2LoginOptions;
  /** `HOME` of the session. @default an empty directory that `close()` removes */
  readonly home?: string;
  /** @default '/bin/sh' */
  readonly loginShell?: string;
  /** Sessions per connection. @default 10, as OpenSSH's */
  readonly maxSessions?: number;
  /** What it calls itself, behind `SSH-2.0-`. @default ssh2's own name */
  readonly ident?: string;
  /** Text in front of the line with its name. @default none */
  readonly greeting?: string;
  /** Text shown before the login. @default none */
  readonly banner?: string;
  /** What it does otherwise than servers should. @default nothing */
  readonly oddity?: Ssh2Oddity;
}

/**
 * Starts a server inside this process, of the library ssh2: nothing has to be installed for it, and logins can be of every kind.
 * It really runs commands, as the user of this process, and forwards ports.
 */
export function startSsh2Server(options: StartSsh2ServerOptions = {}): Promise<SshServer> {
  const { home } = options;
  return openSshServer(home === undefined ? {} : { home }, (site) => start(options, site));
}

/** What a login finds in its environment, whoever runs the test. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function start(options: StartSsh2ServerOptions, site: SshServerSite): Promise<SshServerParts> {
  const { directory, account, mark, undo } = site;
  const { login, loginShell = '/bin/sh', maxSessions = 10, ident, greeting, banner, oddity = {} } = options;
  // ECDSA, since one in two hundred of ssh2's ed25519 keys cannot be read again.
  const [hostKey, userKey] = [makePair(), makePair()];
  const privateKeyFile = join(directory, 'user');
  await writeFile(privateKeyFile, userKey.private, { mode: 0o600 });
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const [markName = '', markValue = ''] = mark.split('=');
  const env = {
    HOME: account.home,
    USER: account.user,
    LOGNAME: account.user,
    SHELL: loginShell,
    PATH: defaultPath,
    [markName]: markValue,
  };
  const server = new ssh2.Server(
    {
      hostKeys: [hostKey.private],
      ...(ident === undefined ? {} : { ident }),
      ...(greeting === undefined ? {} : { greeting }),
      ...(banner === undefined ? {} : { banner }),
    },
    (connection) => {
      // A client that hangs up is no error of a server.
      connection.on('error', (error: Error) => log(`Connection: ${error.message}`));
      handleLogin(connection, { ...login, user: account.user, authorizedKey: userKey.public, log });
      connection.on('ready', () => {
        handleSessions(connection, { loginShell, env, home: account.home, maxSessions, oddity });
        handleForwards(connection);
        oddity.onLogin?.(connection);
      });
    },
  );
  // A listener of our own: ssh2's leaves Nagle's algorithm on, and keeps its sockets to itself.
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    server.injectSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', resolve);
  });
  undo.push(async () => {
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return {
    port: (listener.address() as AddressInfo).port,
    log: () => lines.map((line) => `${line}\n`).join(''),
    hostKeys: [describeKey(hostKey.public)],
    privateKey: userKey.private,
    privateKeyFile,
  };
}

function makePair(): { readonly private: string; readonly public: string } {
  return ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
}
