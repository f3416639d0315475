import { nextHop } from './download-hop.ts';
import type { DownloadHop } from './download-hop.ts';
import type { DownloadFailure } from './errors.ts';

/** What is known of a transfer that brought no file. */
export interface EndedTransfer {
  /** `curl`, `wget` (GNU's) or `busybox`. */
  readonly tool: string;
  readonly exitCode: number;
  /** Status lines and headers as the tool wrote them down, wget's own words among them. */
  readonly head: readonly string[];
  /** The tool's own words. */
  readonly log: readonly string[];
}

/** What decides whether a redirect is followed. */
export interface RedirectPolicy {
  readonly maxRedirects: number;
  readonly mayLeaveTls: boolean;
  /** How many were followed already. */
  readonly redirects: number;
}

/**
 * Where the answer sends us. A string says why that is not followed, `undefined` that it sends nowhere. busybox follows by
 * itself: what it has followed can only be refused.
 */
export function followAnswer(
  transfer: EndedTransfer,
  hop: DownloadHop,
  { maxRedirects, mayLeaveTls, redirects }: RedirectPolicy,
): DownloadHop | string | undefined {
  const { location, locations } = readAnswers(transfer);
  const tooMany = `it was sent on more than ${maxRedirects} times`;
  if (transfer.tool === 'busybox') {
    if (locations.length > maxRedirects || /too many redirections/.test(ownWords(transfer))) return tooMany;
    const targets = locations.map((one) => nextHop(hop, one, mayLeaveTls));
    const refused = targets.find((one) => typeof one === 'string' || one.url.protocol !== 'http:');
    if (typeof refused === 'string') return refused;
    if (refused === undefined)
      return location === undefined ? undefined : "it was sent on in a way that busybox's wget does not follow";
    return "it was sent on to an https address, and the wget there is busybox's, which checks no certificates";
  }
  if (location === undefined) return undefined;
  return redirects >= maxRedirects ? tooMany : nextHop(hop, location, mayLeaveTls);
}

/** Tells why a transfer failed, by the exit codes of curl and the words of the others. */
export function explainFailure(transfer: EndedTransfer): {
  readonly failure: DownloadFailure;
  readonly reason: string;
  readonly status?: number;
} {
  const { tool, exitCode } = transfer;
  const { status, statusLine } = readAnswers(transfer);
  const words = ownWords(transfer);
  const detail = words === '' ? `${tool} ended with exit code ${exitCode}` : words;
  if (tool === 'curl' && exitCode === 63) return { failure: 'too-large', reason: 'it is larger than allowed' };
  if (status !== undefined && status !== 200)
    return { failure: 'status', reason: `the server answered ${statusLine}`, status };
  const failure = tool === 'curl' ? curlFailures[exitCode] : failureOf(words);
  if (failure !== undefined && status === undefined)
    return { failure, reason: `${reasons[failure] ?? 'it failed'}: ${detail}` };
  if (status === 200) return { failure: 'cut-short', reason: `the transfer was cut short: ${detail}` };
  return { failure: 'other', reason: detail };
}

const reasons: Partial<Record<DownloadFailure, string>> = {
  dns: 'its host name cannot be resolved',
  connect: 'no connection to its server',
  tls: 'its server could not be verified',
  'cut-short': 'the server ended the connection',
};

const tlsCodes = [35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98];
const curlFailures: Readonly<Record<number, DownloadFailure>> = {
  5: 'dns',
  6: 'dns',
  7: 'connect',
  18: 'cut-short',
  28: 'connect',
  52: 'cut-short',
  55: 'cut-short',
  56: 'cut-short',
  92: 'cut-short',
  97: 'connect',
  ...Object.fromEntries(tlsCodes.map((code) => [code, 'tls'] as const)),
};

function failureOf(words: string): DownloadFailure | undefined {
  if (/unable to resolve|bad address/i.test(words)) return 'dns';
  if (/certificate|SSL|TLS/.test(words)) return 'tls';
  if (/refused|unreachable|timed out|can't connect|no route/i.test(words)) return 'connect';
  if (/no data received|error getting response|reset by peer|prematurely/i.test(words)) return 'cut-short';
  return undefined;
}

/** The tool's own words in one line, without the headers among them, which are the server's. */
function ownWords({ tool, head, log }: EndedTransfer): string {
  const lines = tool === 'curl' ? log : head.filter((line) => !line.startsWith('  '));
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-3)
    .join('; ')
    .replace(/\p{Cc}/gu, ' ')
    .slice(-500);
}

interface Answers {
  readonly status: number | undefined;
  /** `404 Not Found`. */
  readonly statusLine: string;
  /** Where the last answer sends us, if its status does so. */
  readonly location: string | undefined;
  /** Where all of them sent us. */
  readonly locations: readonly string[];
}

/** Reads what servers said. wget and busybox write headers with two blanks in front. */
function readAnswers({ head }: EndedTransfer): Answers {
  let statusLine = '';
  let location: string | undefined;
  const locations: string[] = [];
  for (const line of head.map((one) => one.trim())) {
    const found = /^HTTP\/\S+ +(\d{3}.*)$/.exec(line)?.[1];
    if (found !== undefined) {
      statusLine = found.slice(0, 100);
      location = undefined;
    }
    const place = /^location:\s*(.*)$/i.exec(line)?.[1];
    if (place === undefined) continue;
    location = place;
    locations.push(place);
  }
  const status = statusLine === '' ? undefined : Number(statusLine.slice(0, 3));
  const isRedirect = status !== undefined && [301, 302, 303, 307, 308].includes(status);
  return { status, statusLine, location: isRedirect ? location : undefined, locations };
}
