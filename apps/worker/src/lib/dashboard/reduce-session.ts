import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';

import { printableLine } from '../printable.ts';
import { lineOf } from '../report/line.ts';
import type { RequestView, SessionDetail } from './protocol.ts';
import { OVER, withLine } from './session-view.ts';
import type { SessionView } from './session-view.ts';

/**
 * What a session looks like after an event. Pure. `savedTo` is the path of a deliverable, on this machine unless `savedOn` names
 * another.
 */
export function reduceSession(
  view: SessionView,
  event: OpencodeSessionEvent,
  savedTo?: string,
  savedOn?: string,
): SessionView {
  const at = event.at.getTime();
  const line = lineOf(event);
  const isOfTheMoment = line?.kind === 'progress';
  const seen = line === undefined || isOfTheMoment ? view : withLine(view, { at, kind: line.kind, text: line.text });
  const next = (change: Partial<SessionDetail>): SessionView => ({
    ...seen,
    detail: { ...seen.detail, updatedAt: at, ...change },
  });

  // A worker that takes a session up asks again what is open.
  const others = ({ requestId }: { readonly requestId: string }): readonly RequestView[] =>
    seen.detail.requests.filter(({ id }) => id !== requestId);

  switch (event.type) {
    case 'progress':
      return next({ status: line?.text, percent: line?.percent });
    case 'status':
      // An agent that goes on has its answer.
      return next({
        status: line?.text,
        percent: line?.percent,
        attention: seen.detail.requestCount === 0 ? undefined : seen.detail.attention,
      });
    case 'live':
      return next({
        state: 'live',
        status: undefined,
        percent: undefined,
        version: event.version,
        isConfined: event.isConfined,
        hasInterface: true,
      });
    case 'attention':
      return next({ attention: printableLine(event.reason) });
    case 'permission-asked': {
      const { requestId: id, permission, patterns } = event;
      const words = {
        permission: printableLine(permission),
        patterns: patterns.slice(0, MOST_PARTS).map((text) => printableLine(text, 2000)),
      };
      return withRequests(next({}), [...others(event), { type: 'permission', id, ...words }]);
    }
    case 'question-asked': {
      const questions = event.questions.slice(0, MOST_PARTS).map(({ question, header, options, isMultiple }) => ({
        question: printableLine(question, 2000),
        header: printableLine(header),
        options: options
          .slice(0, MOST_PARTS)
          .map(({ label, description }) => ({ label, description: printableLine(description) })),
        isMultiple,
      }));
      return withRequests(next({}), [...others(event), { type: 'question', id: event.requestId, questions }]);
    }
    case 'request-settled':
      return withRequests(next({}), others(event));
    case 'deliverable':
      return savedTo === undefined ? next({}) : withDeliverable(next({}), event, savedTo, savedOn);
    case 'seed-saved':
      return next({ seedId: event.seedId });
    case 'snapshot-saved':
      return next({ snapshotId: event.snapshotId });
    case 'done':
    case 'error':
      return next({ state: 'ending', status: undefined, percent: undefined });
    case 'ended':
      return next({
        state: 'ended',
        ...OVER,
        outcome: {
          state: event.outcome.state,
          message: event.outcome.message === undefined ? undefined : printableLine(event.outcome.message, 2000),
        },
      });
    case 'browser':
    case 'deliverable-rejected':
    case 'domain-message':
    case 'log':
    case 'seed-updated':
    case 'warning':
    default:
      // Its line says it all.
      return next({});
  }
}

/** So many an agent may have shown at once; who floods a person with more is not helped by showing them. */
const MOST_REQUESTS = 50;
const MOST_PARTS = 50;
const MOST_DELIVERABLES = 1000;

/** When nothing is left to answer, nobody is called for any more. */
function withRequests(view: SessionView, all: readonly RequestView[]): SessionView {
  const requests = all.slice(0, MOST_REQUESTS);
  const attention = requests.length === 0 ? undefined : view.detail.attention;
  return { ...view, detail: { ...view.detail, requests, requestCount: requests.length, attention } };
}

function withDeliverable(
  view: SessionView,
  { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
  path: string,
  savedOn: string | undefined,
): SessionView {
  const place = view.detail.deliverables.findIndex((known) => known.name === name);
  if (place < 0 && view.paths.length >= MOST_DELIVERABLES) return view;
  const version = (view.detail.deliverables[place]?.version ?? 0) + 1;
  const deliverables = [...view.detail.deliverables];
  const paths = [...view.paths];
  const index = place < 0 ? deliverables.length : place;
  deliverables[index] = { name, sizeBytes, version, savedOn };
  paths[index] = savedOn === undefined ? path : undefined;
  return { ...view, paths, detail: { ...view.detail, deliverables } };
}
