import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { HostCheckView, HostView } from '../protocol.ts';
import { problemsOf } from './api.ts';
import type { Api } from './api.ts';
import { Problems } from './words.tsx';

/** The machines of the configuration, and how they are. */
export function Hosts({ api }: { readonly api: Api }): JSX.Element {
  const [hosts, setHosts] = useState<readonly HostView[]>([]);
  const [problems, setProblems] = useState<readonly string[]>([]);
  useEffect(() => {
    api.get<readonly HostView[]>('/api/hosts').then(setHosts, (error: unknown) => setProblems(problemsOf(error)));
  }, [api]);
  return (
    <>
      <h1>Hosts</h1>
      <Problems problems={problems} />
      {hosts.map((host) => (
        <HostSection key={host.name} api={api} host={host} />
      ))}
    </>
  );
}

function HostSection({ api, host }: { readonly api: Api; readonly host: HostView }): JSX.Element {
  const [check, setCheck] = useState<HostCheckView>();
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [isBusy, setBusy] = useState(false);
  const look = async (): Promise<void> => {
    setBusy(true);
    setProblems([]);
    try {
      setCheck(await api.post<HostCheckView>(`/api/hosts/${encodeURIComponent(host.name)}/check`));
    } catch (error) {
      setProblems(problemsOf(error));
    }
    setBusy(false);
  };
  const title = `host-${host.name}`;
  return (
    <section aria-labelledby={title}>
      <h2 id={title}>{host.name}</h2>
      <p class="quiet">{host.ssh === undefined ? 'This machine' : `ssh ${host.ssh}`}</p>
      <button type="button" disabled={isBusy} aria-label={`Check ${host.name}`} onClick={() => void look()}>
        {isBusy ? 'Checking…' : 'Check'}
      </button>
      <div role="status">
        {check !== undefined && (
          <dl>
            {check.facts.map(([word, text], index) => (
              <div key={index}>
                <dt>{word}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        )}
      </div>
      <Problems problems={problems} />
    </section>
  );
}
