import { z } from 'zod';

import type { AnswerRequest, CancelRequest, StartRequest } from './protocol.ts';

/** What the page sends, checked: it is ours, but whoever has the token can send anything. */
export const startRequest: z.ZodType<StartRequest> = z.strictObject({
  text: z.string(),
  host: z.string().optional(),
  resume: z.boolean().optional(),
});

/** See `startRequest`. */
export const cancelRequest: z.ZodType<CancelRequest> = z.strictObject({ atOnce: z.boolean().optional() });

/** See `startRequest`. */
export const answerRequest: z.ZodType<AnswerRequest> = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('permission'),
    reply: z.enum(['once', 'always', 'reject']),
    message: z.string().optional(),
  }),
  z.strictObject({ type: z.literal('question'), answers: z.array(z.array(z.string())) }),
]);
