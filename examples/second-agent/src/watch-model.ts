import type { LaunchedAgent } from '@optio-ts/agents-session';
import { followLines } from '@optio-ts/host-core';
import type { SupervisedProcess } from '@optio-ts/host-core';

/** What pi tells in its JSON lines of a model that fails: pi itself exits with 0 then. */
export function watchModel(agent: SupervisedProcess): Required<Pick<LaunchedAgent, 'modelFailure' | 'outputTail'>> {
  const notes: string[] = [];
  let failure: string | undefined;
  const watching = (async (): Promise<void> => {
    for await (const { line } of followLines(agent.output, { until: agent.exited })) {
      const event = parse(line);
      if (event === undefined) {
        if (notes.push(line) > 20) notes.shift();
      } else if (event.type === 'message_end' && event.message?.role === 'assistant') {
        failure = event.message.stopReason === 'error' ? (event.message.errorMessage ?? 'no reason given') : undefined;
      }
    }
  })().catch(() => undefined);
  return {
    modelFailure: () => failure,
    outputTail: async () => {
      await watching;
      return notes.join('\n');
    },
  };
}

interface PiEvent {
  readonly type: string;
  readonly message?: { readonly role: string; readonly stopReason?: string; readonly errorMessage?: string };
}

/** A line of pi's; `undefined` for what something else has printed, and for one that was too long to be kept. */
function parse(line: string): PiEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'type' in value ? (value as PiEvent) : undefined;
  } catch {
    return undefined;
  }
}
