import type { JSX } from 'preact';
import { memo } from 'preact/compat';
import { useLayoutEffect, useRef } from 'preact/hooks';

import type { LogLine } from '../protocol.ts';
import { Time } from './words.tsx';

/** So near to the end a reader wants to see what comes. */
const NEAR_PIXELS = 40;

/** What a session said, the newest at the end. Stays there while the reader does. */
export function Log({ lines, isHere }: { readonly lines: readonly LogLine[]; readonly isHere: boolean }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (isAtEnd.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  const onScroll = (): void => {
    const { current } = box;
    if (current !== null)
      isAtEnd.current = current.scrollHeight - current.scrollTop - current.clientHeight < NEAR_PIXELS;
  };
  return (
    <section aria-labelledby="log">
      <h2 id="log">Log</h2>
      {lines.length === 0 ? (
        <p class="quiet">{isHere ? 'Nothing yet.' : 'Its process has written nothing down, or was none of optio.'}</p>
      ) : (
        <div class="log" role="log" aria-labelledby="log" aria-live="off" tabIndex={0} ref={box} onScroll={onScroll}>
          {lines.map((line) => (
            <Line key={line.number} line={line} />
          ))}
        </div>
      )}
    </section>
  );
}

const Line = memo(({ line }: { readonly line: LogLine }): JSX.Element => (
  <p class={`line ${line.kind}`}>
    <Time at={line.at} /> {PREFIXES[line.kind]}
    <span dir="auto">{line.text}</span>
  </p>
));

const PREFIXES: Readonly<Partial<Record<LogLine['kind'], string>>> = {
  agent: 'agent: ',
  status: 'agent: ',
  warning: 'warning: ',
  error: 'error: ',
};
