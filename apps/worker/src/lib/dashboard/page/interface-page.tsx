import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { InterfaceLinks, SessionDetail } from '../protocol.ts';
import { problemsOf } from './api.ts';
import type { Api } from './api.ts';
import { Problems } from './words.tsx';

/**
 * opencode's own page, in a frame of its own origin. Its server is the agent's, so the frame may not lead this page elsewhere, open
 * windows or ask for anything of the machine; where a browser knows `credentialless`, what it keeps is gone with it.
 */
export function InterfacePage(props: {
  readonly api: Api;
  readonly id: string;
  readonly session: SessionDetail | undefined;
}): JSX.Element {
  const { api, id, session } = props;
  const [links, setLinks] = useState<InterfaceLinks>();
  const [isLeaving, setLeaving] = useState(false);
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [visit, setVisit] = useState(0);
  const [lossesBefore, setLossesBefore] = useState(0);
  const isLive = session?.hasInterface === true;
  const losses = session?.interfaceLosses ?? 0;
  const isStale = isLive && links !== undefined && losses > lossesBefore;

  useEffect(() => {
    if (!isLive) return;
    setProblems([]);
    setLeaving(false);
    setLossesBefore(losses);
    api
      .post<InterfaceLinks>(`/api/sessions/${id}/interface`)
      .then(setLinks, (error: unknown) => setProblems(problemsOf(error)));
  }, [api, id, visit, isLive]);
  useEffect(() => {
    if (!isLive) return undefined;
    const attend = (change: 'begin' | 'end'): void =>
      void api.post(`/api/sessions/${id}/attend/${change}`).catch(() => undefined);
    attend('begin');
    return () => attend('end');
  }, [api, id, isLive]);

  // Frames without credentials share what they keep with those of the same document: whoever leaves gets a new one.
  useEffect(() => () => location.reload(), []);

  const leave = (): void => setLeaving(true);
  return (
    <div class="interface">
      <div class="actions">
        <h1>{session?.taskId ?? 'Session'}</h1>
        <a class="button" href={`#/session/${id}`}>
          Back to the session
        </a>
        <button type="button" onClick={() => setVisit(visit + 1)}>
          Load again
        </button>
        <button type="button" onClick={leave}>
          Close and forget
        </button>
      </div>
      {session?.isHere === false && isLive && (
        <p class="quiet">Another process runs this session: it goes on reminding the agent of its work.</p>
      )}
      <div role="status">
        {isStale && <p class="warned">The connection was lost meanwhile: load again to see what was said since.</p>}
      </div>
      {session !== undefined && !isLive && <p>The session has no interface now: it is not live.</p>}
      <Problems problems={problems} />
      {links !== undefined && (
        <iframe
          key={`${links.enter}`}
          title="opencode"
          src={isLeaving ? links.leave : links.enter}
          sandbox="allow-scripts allow-same-origin allow-forms allow-modals allow-downloads"
          referrerpolicy="no-referrer"
          {...{ credentialless: true }}
        />
      )}
    </div>
  );
}
