/** Any value that JSON can write. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * What becomes of an agent's wish to open a browser: `ignore` leaves the host's openers as they are, `suppress` hides them
 * behind silent stubs and tells the agent so, `redirect` turns each call into a `BROWSER:` entry.
 */
export type BrowserMode = 'ignore' | 'suppress' | 'redirect';

/** A word that starts an entry. */
export type KeywordName = 'STATUS' | 'DELIVERABLE' | 'DONE' | 'ERROR' | 'BROWSER' | 'ATTENTION' | 'DOMAIN_MESSAGE';

/** `STATUS: 40% writing the tests`. */
export interface StatusEntry {
  readonly type: 'status';
  /** 0 to 100; `undefined` when the agent gave none. */
  readonly percent: number | undefined;
  /** May be empty. */
  readonly message: string;
}

/** `DELIVERABLE: ./deliverables/report.md`. */
export interface DeliverableEntry {
  readonly type: 'deliverable';
  /** As the agent wrote it, without a leading `./`. Not checked in any way: it may be absolute, or leave the workdir. */
  readonly path: string;
}

/** `DONE` or `DONE: all green`. */
export interface DoneEntry {
  readonly type: 'done';
  readonly summary: string | undefined;
}

/** `ERROR` or `ERROR: the token has expired`. */
export interface ErrorEntry {
  readonly type: 'error';
  readonly message: string | undefined;
}

/** `BROWSER: https://…`, in redirect mode. */
export interface BrowserEntry {
  readonly type: 'browser';
  /** Without surrounding quotes. Not checked: it may be of any scheme, or no URL at all. */
  readonly url: string;
}

/** `ATTENTION: which of the two branches?`. */
export interface AttentionEntry {
  readonly type: 'attention';
  readonly reason: string;
}

/** `DOMAIN_MESSAGE: invoice {"number":7}`. */
export interface DomainMessageEntry {
  readonly type: 'domain-message';
  readonly keyword: string;
  /** Its strings are as JSON has them, escaped control characters included: clean them before they are shown. */
  readonly data: JsonValue;
}

/** Any other line. */
export interface UnknownEntry {
  readonly type: 'unknown';
  /** The line without its trailing white space; empty for an empty line. */
  readonly text: string;
  /** The keyword that the line was probably meant to be, such as `DONE` for ` done.`; absent when there is none. */
  readonly resembles?: KeywordName;
}

/** What one line of the log says. */
export type LogEntry =
  | StatusEntry
  | DeliverableEntry
  | DoneEntry
  | ErrorEntry
  | BrowserEntry
  | AttentionEntry
  | DomainMessageEntry
  | UnknownEntry;
