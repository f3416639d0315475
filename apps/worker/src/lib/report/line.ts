import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';

import { printableLine, printableJson } from '../printable.ts';
import { formatBytes } from './figures.ts';

/** One line about a running task, safe to print. */
export interface ReportLine {
  /** `progress` and `status` are of the moment; the others stay on the screen. */
  readonly kind: 'progress' | 'status' | 'info' | 'agent' | 'success' | 'warning' | 'error';
  readonly text: string;
  /** 0 to 100, where known. */
  readonly percent: number | undefined;
  /** What is under way, for lines of the moment: two with the same step are stages of one thing. */
  readonly step: string;
}

/** What a session's event says to a person; `undefined` for what is said elsewhere or concerns programs only. */
export function lineOf(event: OpencodeSessionEvent, savedTo?: string): ReportLine | undefined {
  switch (event.type) {
    case 'progress':
      return line('progress', event.message, { percent: event.percent, step: event.step });
    case 'status':
      return line('status', event.message === '' ? 'working' : event.message, {
        percent: event.percent,
        step: 'status',
      });
    case 'live': {
      const confinement = event.isConfined ? 'confined to its task directory' : 'not confined';
      return line('info', `opencode ${event.version} is at work, ${confinement}`);
    }
    case 'deliverable': {
      const place = savedTo === undefined ? '' : ` → ${savedTo}`;
      return line('success', `delivered ${event.name} (${formatBytes(event.sizeBytes)})${place}`);
    }
    case 'deliverable-rejected':
      return line('warning', `refused a deliverable: ${event.path}: ${event.reason}`);
    case 'seed-saved':
      return line('success', `login and model are kept as seed ${event.seedId}`);
    case 'seed-updated':
      return line('info', `the login has rotated, and seed ${event.seedId} has the new one`);
    case 'snapshot-saved':
      return line('info', `the session is kept as snapshot ${event.snapshotId}`);
    case 'attention':
      // The reason says who asks, where it is not the agent's own words.
      return line('warning', `attention: ${event.reason}`);
    case 'browser':
      return line('info', `the agent would open ${event.url}`);
    case 'domain-message':
      return line('agent', `${event.keyword} ${printableJson(event.data)}`);
    case 'log':
      return event.text.trim() === '' ? undefined : line('agent', event.text);
    case 'warning':
      return line('warning', event.message);
    case 'permission-asked':
    case 'question-asked':
    case 'request-settled':
      // What a person has to know of it comes as attention.
      return undefined;
    case 'done':
    case 'error':
    case 'ended':
      // The closing line says it, together with what became of the session.
      return undefined;
    default:
      return undefined;
  }
}

/** Makes a line of text that may come from anywhere. */
export function line(
  kind: ReportLine['kind'],
  text: string,
  more: { readonly percent?: number | undefined; readonly step?: string } = {},
): ReportLine {
  return { kind, text: printableLine(text), percent: more.percent, step: more.step ?? '' };
}
