import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { DeliverableView, SessionDetail } from '../protocol.ts';
import { problemsOf } from './api.ts';
import type { Api } from './api.ts';
import { MOST_PREVIEW_BYTES, previewOf } from './preview.ts';
import type { Preview } from './preview.ts';
import { Problems, sizeText } from './words.tsx';

/** What the agent delivered, to look at and to save. */
export function Deliverables({
  api,
  session,
}: {
  readonly api: Api;
  readonly session: SessionDetail;
}): JSX.Element | null {
  if (session.deliverables.length === 0) return null;
  return (
    <section aria-labelledby="deliverables">
      <h2 id="deliverables">Deliverables</h2>
      <ul class="deliverables">
        {session.deliverables.map((deliverable, place) => (
          <Deliverable
            key={`${deliverable.name} ${deliverable.version}`}
            api={api}
            path={`/api/sessions/${session.id}/deliverables/${place}`}
            deliverable={deliverable}
          />
        ))}
      </ul>
    </section>
  );
}

function Deliverable(props: {
  readonly api: Api;
  readonly path: string;
  readonly deliverable: DeliverableView;
}): JSX.Element {
  const { api, path } = props;
  const { name, savedOn, sizeBytes } = props.deliverable;
  const [preview, setPreview] = useState<Preview>();
  const [problems, setProblems] = useState<readonly string[]>([]);
  useEffect(() => () => void (preview?.type === 'image' && URL.revokeObjectURL(preview.url)), [preview]);

  const attempt = async (action: () => Promise<void>): Promise<void> => {
    setProblems([]);
    try {
      await action();
    } catch (error) {
      setProblems(problemsOf(error));
    }
  };
  const view = (): void =>
    void attempt(async () => {
      const { blob, isWhole } = await api.start(path, MOST_PREVIEW_BYTES);
      setPreview(await previewOf(blob, isWhole));
    });
  const download = (): void =>
    void attempt(async () => {
      const blob = await api.blob(path);
      // Of a type that nothing opens by itself.
      const url = URL.createObjectURL(new Blob([blob], { type: 'application/octet-stream' }));
      const link = document.createElement('a');
      link.href = url;
      link.download = name.split('/').at(-1) ?? 'deliverable';
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    });
  return (
    <li>
      <span class="name" dir="auto">
        {name}
      </span>{' '}
      <span class="quiet">{sizeText(sizeBytes)}</span>{' '}
      {savedOn === undefined ? (
        <span class="actions">
          {preview === undefined ? (
            <button type="button" aria-label={`View ${name}`} onClick={view}>
              View
            </button>
          ) : (
            <button type="button" aria-label={`Close ${name}`} onClick={() => setPreview(undefined)}>
              Close
            </button>
          )}
          <button type="button" aria-label={`Download ${name}`} onClick={download}>
            Download
          </button>
        </span>
      ) : (
        <span class="quiet">saved on {savedOn}, and cannot be opened from here</span>
      )}
      <Problems problems={problems} />
      {preview?.type === 'text' && (
        <>
          <pre class="preview" tabIndex={0} aria-label={`Contents of ${name}`} dir="auto">
            {preview.text}
          </pre>
          {preview.isCut && <p class="quiet">Only the beginning is shown.</p>}
        </>
      )}
      {preview?.type === 'image' && <img class="preview" src={preview.url} alt={`Contents of ${name}`} />}
      {preview?.type === 'binary' && (
        <p class="quiet">This is no text, and no image that can be shown here; download it.</p>
      )}
    </li>
  );
}
