import type { JSX } from 'preact';
import { memo } from 'preact/compat';

import type { SessionSummary } from '../protocol.ts';
import { isCalling, sorted } from './state.ts';
import { Badge, Time } from './words.tsx';

/** All sessions: those that call for a person first. */
export function SessionList(props: {
  readonly sessions: ReadonlyMap<string, SessionSummary> | undefined;
}): JSX.Element {
  const { sessions } = props;
  return (
    <>
      <h1>Sessions</h1>
      {sessions === undefined ? (
        <p>Loading…</p>
      ) : sessions.size === 0 ? (
        <p>
          There are no sessions yet. <a href="#/start">Start a task</a>
        </p>
      ) : (
        <ul class="sessions" aria-label="Sessions">
          {sorted(sessions).map((session) => (
            <Row key={session.id} session={session} />
          ))}
        </ul>
      )}
    </>
  );
}

const Row = memo(({ session }: { readonly session: SessionSummary }): JSX.Element => {
  const { id, taskId, host, status, percent, outcome, attention, createdAt } = session;
  const isCalled = isCalling(session);
  return (
    <li class={isCalled ? 'row calling' : 'row'}>
      <a href={`#/session/${id}`}>{taskId}</a>
      <Badge session={session} />
      <span class="quiet">{host}</span>
      <Time at={createdAt} />
      <span class="said">
        {isCalled ? (attention ?? 'The agent waits for an answer') : (outcome?.message ?? status ?? '')}
      </span>
      {percent !== undefined && session.state !== 'ended' && (
        <progress max={100} value={percent} aria-label={`Progress of ${taskId}`} />
      )}
    </li>
  );
});
