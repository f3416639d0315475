import type { StoredDocument } from './document.ts';
import { readFields } from './field-reader.ts';
import type { SealedSecret, SessionDocument, SessionState } from './session-document.ts';

const states: readonly SessionState[] = ['starting', 'live', 'ending', 'ended'];

/** A stored document as a session. Throws `DOCUMENT_UNREADABLE`. */
export function sessionFromDocument(document: StoredDocument): SessionDocument {
  const { id, revision } = document;
  const session = readFields(document, 'DOCUMENT_UNREADABLE', `Session document ${id}`);
  const owner = session.inner('owner');
  const log = session.inner('log');
  const fingerprint = log?.optionalText('fingerprint');
  const requestedCancel = session.inner('requestedCancel');
  const outcome = session.inner('outcome');
  const outcomeReason = outcome?.optionalText('reason');
  const outcomeMessage = outcome?.optionalText('message');
  const secrets = session.inner('secrets');
  const details = session.inner('details');
  return {
    id,
    revision,
    taskId: session.text('taskId'),
    agent: session.text('agent'),
    processId: session.text('processId'),
    runId: session.text('runId'),
    host: session.text('host'),
    taskDirectory: session.text('taskDirectory'),
    state: session.oneOf('state', states),
    createdAt: session.date('createdAt'),
    updatedAt: session.date('updatedAt'),
    owner: {
      id: owner?.text('id') ?? '',
      leaseExpiresAt: owner?.date('leaseExpiresAt') ?? new Date(0),
      fencing: owner?.number('fencing') ?? 0,
    },
    log: {
      generation: log?.number('generation') ?? 0,
      offset: log?.number('offset') ?? 0,
      ...(fingerprint === undefined ? {} : { fingerprint }),
    },
    ...(requestedCancel && {
      requestedCancel: { reason: requestedCancel.text('reason'), at: requestedCancel.date('at') },
    }),
    ...(secrets && {
      secrets: Object.fromEntries(
        Object.keys(secrets.fields).map((name): [string, SealedSecret] => {
          const secret = secrets.inner(name);
          const sealedFor = secret?.optionalText('sealedFor');
          return [
            name,
            {
              cipher: secret?.text('cipher') ?? '',
              sealed: secret?.bytes('sealed') ?? empty,
              ...(sealedFor === undefined ? {} : { sealedFor }),
            },
          ];
        }),
      ),
    }),
    ...(outcome && {
      outcome: {
        state: outcome.text('state'),
        ...(outcomeReason === undefined ? {} : { reason: outcomeReason }),
        ...(outcomeMessage === undefined ? {} : { message: outcomeMessage }),
      },
    }),
    ...(details && { details: details.fields }),
  };
}

const empty = new Uint8Array(0);
