import type { JSX } from 'preact';

import type { SessionSummary } from '../protocol.ts';

/** Where a session is, as a word with a colour; the word alone says it too. */
export function Badge({ session }: { readonly session: SessionSummary }): JSX.Element {
  const { isLeft, outcome, state } = session;
  const word = state === 'ended' ? (outcome?.state ?? 'ended') : isLeft ? 'no worker' : state;
  return <span class={`badge ${KINDS[word] ?? 'plain'}`}>{word}</span>;
}

const KINDS: Readonly<Record<string, string>> = {
  starting: 'busy',
  live: 'busy',
  ending: 'busy',
  done: 'good',
  failed: 'bad',
  lost: 'bad',
  'no worker': 'bad',
};

/** A time of today, or a day. */
export function Time({ at }: { readonly at: number }): JSX.Element {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const text = isToday
    ? date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
    : date.toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
  return <time dateTime={date.toISOString()}>{text}</time>;
}

/** Bytes for people. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  let value = bytes / 1000;
  while (value >= 1000 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[0] ?? ''}`;
}

/** What went wrong, said at once to whoever listens. */
export function Problems({ problems }: { readonly problems: readonly string[] }): JSX.Element {
  return (
    <div role="alert">
      {problems.length > 0 && (
        <ul class="problems">
          {problems.map((problem, index) => (
            <li key={index}>{problem}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
