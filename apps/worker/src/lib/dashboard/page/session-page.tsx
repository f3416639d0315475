import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import type { LogLine, SessionDetail } from '../protocol.ts';
import { problemsOf } from './api.ts';
import type { Api } from './api.ts';
import { Deliverables } from './deliverables.tsx';
import { Log } from './log.tsx';
import { Requests } from './requests.tsx';
import { go } from './route.ts';
import { Badge, Problems, Time } from './words.tsx';

/** One session: what it does, what it wants, what it delivered. */
export function SessionPage(props: {
  readonly api: Api;
  readonly session: SessionDetail | undefined;
  readonly lines: readonly LogLine[];
  readonly isUnknown: boolean;
}): JSX.Element {
  const { api, isUnknown, lines, session } = props;
  if (session === undefined) return <p>{isUnknown ? 'There is no such session.' : 'Loading…'}</p>;
  const { attention, outcome, percent, requests, state, status, taskId } = session;
  return (
    <>
      <h1>{taskId}</h1>
      <p class="facts">
        <Badge session={session} /> on {session.host}, since <Time at={session.createdAt} />
        {!session.isHere && state !== 'ended' && !session.isLeft && ', run by another process'}
      </p>
      {outcome?.message !== undefined && <p class="outcome">{outcome.message}</p>}
      {state !== 'ended' && (status !== undefined || percent !== undefined) && (
        <p class="now">
          <span>{status ?? ''}</span>
          {percent !== undefined && <progress max={100} value={percent} aria-label="Progress" />}
        </p>
      )}
      {attention !== undefined && requests.length === 0 && (
        <p class="attention" role="alert">
          {attention}
        </p>
      )}
      <Requests api={api} session={session} />
      <Actions api={api} session={session} />
      <Deliverables api={api} session={session} />
      <Log lines={lines} isHere={session.isHere} />
      <Details session={session} />
    </>
  );
}

function Actions({ api, session }: { readonly api: Api; readonly session: SessionDetail }): JSX.Element {
  const { canResume, hasInterface, id, isHere, isLeft, resumeProblem, state } = session;
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [isBusy, setBusy] = useState(false);
  const [isCancelled, setCancelled] = useState(false);
  const act = async (action: () => Promise<unknown>): Promise<void> => {
    setBusy(true);
    setProblems([]);
    try {
      await action();
    } catch (error) {
      setProblems(problemsOf(error));
    }
    setBusy(false);
  };
  const cancel = (atOnce: boolean): void =>
    void act(async () => {
      await api.post(`/api/sessions/${id}/cancel`, { atOnce });
      setCancelled(true);
    });
  const resume = (): void =>
    void act(async () => {
      const started = await api.post<{ readonly id: string }>(`/api/sessions/${id}/resume`);
      go(`/session/${started.id}`);
    });
  const recover = (): void => void act(() => api.post(`/api/sessions/${id}/recover`));
  return (
    <div class="actions">
      {isLeft && (
        <>
          <span>The process that ran it is gone.</span>
          <button type="button" class="primary" disabled={isBusy} onClick={recover}>
            Take it up here
          </button>
        </>
      )}
      {hasInterface && (
        <a class="button" href={`#/session/${id}/interface`}>
          Open opencode
        </a>
      )}
      {state !== 'ended' && !isCancelled && (
        <button type="button" disabled={isBusy} onClick={() => cancel(false)}>
          Cancel
        </button>
      )}
      {state !== 'ended' && isCancelled && (
        <span>{isLeft ? 'It ends in good order when it is taken up.' : 'Ending in good order…'}</span>
      )}
      {state !== 'ended' && isCancelled && isHere && (
        <button type="button" class="danger" disabled={isBusy} onClick={() => cancel(true)}>
          End at once, keep nothing
        </button>
      )}
      {canResume && (
        <button type="button" disabled={isBusy} onClick={resume}>
          Resume
        </button>
      )}
      {state === 'ended' && resumeProblem !== undefined && (
        <span class="quiet">It cannot be resumed: {resumeProblem}.</span>
      )}
      <Problems problems={problems} />
    </div>
  );
}

function Details({ session }: { readonly session: SessionDetail }): JSX.Element {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Session', session.id],
    ['opencode', session.version],
    ['Confined', session.isConfined === undefined ? undefined : session.isConfined ? 'to its task directory' : 'no'],
    ['Saved to', session.outputDirectory],
    ['Seed', session.seedId],
    ['Snapshot', session.snapshotId],
  ];
  return (
    <section aria-labelledby="details">
      <h2 id="details">Details</h2>
      <dl>
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </section>
  );
}
