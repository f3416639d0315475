import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { SeedView } from '../protocol.ts';
import { problemsOf } from './api.ts';
import type { Api } from './api.ts';
import { Problems, Time } from './words.tsx';

/** What sessions can start from. */
export function Seeds({ api }: { readonly api: Api }): JSX.Element {
  const [seeds, setSeeds] = useState<readonly SeedView[]>();
  const [problems, setProblems] = useState<readonly string[]>([]);
  useEffect(() => {
    api.get<readonly SeedView[]>('/api/seeds').then(setSeeds, (error: unknown) => setProblems(problemsOf(error)));
  }, [api]);
  return (
    <>
      <h1>Seeds</h1>
      <p class="quiet">
        Logins and models that tasks can start from: <code>seed: &lt;id&gt;</code> in a task file.
      </p>
      <Problems problems={problems} />
      {seeds?.length === 0 && (
        <p>
          There are none yet; <code>saveSeed: true</code> in a task file keeps one.
        </p>
      )}
      {seeds !== undefined && seeds.length > 0 && (
        <div class="scroll" tabIndex={0} role="group" aria-label="Seeds">
          <table>
            <thead>
              <tr>
                <th scope="col">Id</th>
                <th scope="col">Kept</th>
                <th scope="col">Model</th>
                <th scope="col">Label</th>
              </tr>
            </thead>
            <tbody>
              {seeds.map((seed) => (
                <tr key={seed.id}>
                  <td>
                    <code>{seed.id}</code>
                  </td>
                  <td>
                    <Time at={seed.createdAt} />
                  </td>
                  <td>{seed.model ?? '–'}</td>
                  <td>{seed.label ?? ''}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
