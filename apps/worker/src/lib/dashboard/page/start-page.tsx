import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { HostView, StartRequest } from '../protocol.ts';
import { problemsOf } from './api.ts';
import type { Api } from './api.ts';
import { go } from './route.ts';
import { Problems } from './words.tsx';

const EXAMPLE = `task: |
  Write a report about the three riskiest places of the sources here.
model:
  provider: anthropic
  name: claude-sonnet-4-5
  apiKey: env:ANTHROPIC_API_KEY
files: ./project
`;

/** A task file, written here or chosen, and started. */
export function StartPage({ api }: { readonly api: Api }): JSX.Element {
  const [text, setText] = useState(EXAMPLE);
  const [host, setHost] = useState('');
  const [resume, setResume] = useState(false);
  const [hosts, setHosts] = useState<readonly HostView[]>([]);
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    api.get<readonly HostView[]>('/api/hosts').then(setHosts, (error: unknown) => setProblems(problemsOf(error)));
  }, [api]);

  const start = async (): Promise<void> => {
    setBusy(true);
    setProblems([]);
    try {
      const body: StartRequest = { text, resume, ...(host !== '' && { host }) };
      const { id } = await api.post<{ readonly id: string }>('/api/tasks', body);
      go(`/session/${id}`);
    } catch (error) {
      setProblems(problemsOf(error));
      setBusy(false);
    }
  };
  return (
    <>
      <h1>Start a task</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <label>
          Task file
          <textarea
            rows={16}
            spellcheck={false}
            value={text}
            aria-describedby="task-hint"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <p id="task-hint" class="quiet">
          YAML, as for <code>optio run</code>. Paths start where <code>optio serve</code> was started; secrets are
          named, never written here.
        </p>
        <label>
          Or choose a file
          <input
            type="file"
            accept=".yaml,.yml"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              file?.text().then(setText, (error: unknown) => setProblems(problemsOf(error)));
            }}
          />
        </label>
        <label>
          Machine
          <select value={host} onChange={(event) => setHost(event.currentTarget.value)}>
            <option value="">as the task says</option>
            {hosts.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="option">
          <input type="checkbox" checked={resume} onChange={(event) => setResume(event.currentTarget.checked)} />
          <span>Go on where the last run of this task (its id) ended</span>
        </label>
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Starting…' : 'Start'}
        </button>
        <Problems problems={problems} />
      </form>
    </>
  );
}
