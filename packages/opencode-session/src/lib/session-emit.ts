import type { EventBody } from '@optio-ts/agents-session';

import type { OpencodeSessionEvent } from './events.ts';

/** Adds an event of the harness to the session's. */
export type SessionEmit = (body: EventBody<OpencodeSessionEvent>) => void;
