import { connect } from 'node:net';

import { runChecked, shellScript } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

/** Something that an agent on a host could use, because it asks nobody for a password. */
export interface Exposure {
  /** For people: `Redis on port 6379`. */
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** A server that is told apart by what it answers to somebody without a password. */
export interface OpenService {
  readonly name: string;
  readonly port: number;
  /** The first bytes to say. */
  readonly question: Uint8Array;
  /** Whether the answer so far shows that it serves us. */
  readonly isOpen: (answer: Buffer) => boolean;
}

const http = (path: string): Uint8Array => Buffer.from(`GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`);

/** Databases and the like that are often left without a password on a machine's own interface. */
export const OPEN_SERVICES: readonly OpenService[] = [
  {
    name: 'MongoDB',
    port: 27_017,
    question: mongoListDatabases(),
    isOpen: (answer) => answer.includes('databases') && answer.includes('totalSize'),
  },
  { name: 'Redis', port: 6379, question: Buffer.from('PING\r\n'), isOpen: (answer) => answer.includes('+PONG') },
  {
    name: 'PostgreSQL',
    port: 5432,
    question: postgresStartup(),
    // AuthenticationOk, as `trust` gives it.
    isOpen: (answer) => answer.subarray(0, 9).equals(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])),
  },
  {
    name: 'Memcached',
    port: 11_211,
    question: Buffer.from('version\r\n'),
    isOpen: (answer) => answer.toString('latin1').startsWith('VERSION '),
  },
  {
    name: 'Elasticsearch',
    port: 9200,
    question: http('/'),
    isOpen: (answer) => /^HTTP\/1\.[01] 200/.test(answer.toString('latin1')) && answer.includes('cluster_name'),
  },
  {
    name: "Docker's API",
    port: 2375,
    question: http('/version'),
    isOpen: (answer) => /^HTTP\/1\.[01] 200/.test(answer.toString('latin1')) && answer.includes('ApiVersion'),
  },
];

const ANSWER_MS = 3000;

/** Where clouds tell a machine about itself. */
const METADATA_URL = 'http://169.254.169.254/';

/** Options of `findExposures`. */
export interface FindExposuresOptions {
  /** @default `OPEN_SERVICES` */
  readonly services?: readonly OpenService[];
  /** @default the address that all large clouds use */
  readonly metadataUrl?: string;
  readonly abortSignal?: AbortSignal;
}

/** Looks from a host, as an agent there could: the network is not confined. Each look is bounded; nothing is changed. */
export async function findExposures(
  host: Host,
  { services = OPEN_SERVICES, metadataUrl = METADATA_URL, abortSignal }: FindExposuresOptions = {},
): Promise<readonly Exposure[]> {
  const found = await Promise.all([
    ...services.map(async (service): Promise<Exposure | undefined> => {
      if (!(await answersOpenly(host, service, abortSignal))) return undefined;
      const what = `${service.name} on port ${service.port} serves everybody on that machine`;
      return { what, remedy: 'give it a password, or stop it: the network of an agent is not confined' };
    }),
    hasMetadata(host, metadataUrl, abortSignal).then((has): Exposure | undefined =>
      has
        ? {
            what: "the cloud's metadata address 169.254.169.254 answers: it may hand out the machine's own credentials",
            remedy: 'ask for a token there (IMDSv2, hop limit 1), or block the address for the user of the agents',
          }
        : undefined,
    ),
  ]);
  return found.filter((exposure) => exposure !== undefined);
}

async function answersOpenly(host: Host, service: OpenService, abortSignal: AbortSignal | undefined): Promise<boolean> {
  await using forward = await host.forwardPort(service.port, abortSignal && { abortSignal });
  return await new Promise<boolean>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: forward.localPort });
    let answer = Buffer.alloc(0);
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(ANSWER_MS, () => end(false));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('connect', () => socket.write(service.question));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]).subarray(0, 64 * 1024);
      if (service.isOpen(answer)) end(true);
    });
  });
}

async function hasMetadata(host: Host, url: string, abortSignal: AbortSignal | undefined): Promise<boolean> {
  const { stdout } = await runChecked(host, shellScript(METADATA_SCRIPT, url), {
    what: 'Cannot look for a metadata address',
    timeoutMs: 15_000,
    ...(abortSignal && { abortSignal }),
  });
  return stdout.toString('utf8').trim() === 'answers';
}

/** Any answer counts, 401 as well: what asks for a token gives one to whoever asks. */
const METADATA_SCRIPT = `
if command -v curl >/dev/null 2>&1; then
  curl --silent --noproxy '*' --max-time 2 --output /dev/null "$1" && echo answers
elif command -v wget >/dev/null 2>&1; then
  no_proxy='*' wget -q -T 2 -O /dev/null "$1" && echo answers
fi
exit 0
`;

/** OP_MSG of MongoDB's wire protocol with `{ listDatabases: 1, $db: 'admin' }`. */
function mongoListDatabases(): Uint8Array {
  const element = (type: number, name: string, value: Buffer): Buffer =>
    Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`), value]);
  const int32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes;
  };
  const elements = Buffer.concat([
    element(0x10, 'listDatabases', int32(1)),
    element(0x02, '$db', Buffer.concat([int32(6), Buffer.from('admin\0')])),
    Buffer.from([0]),
  ]);
  const document = Buffer.concat([int32(elements.length + 4), elements]);
  const body = Buffer.concat([int32(0), Buffer.from([0]), document]);
  return Buffer.concat([int32(body.length + 16), int32(1), int32(0), int32(2013), body]);
}

/** A start message of PostgreSQL's protocol 3 for the user and database `postgres`. */
function postgresStartup(): Uint8Array {
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(parameters.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, parameters]);
}
