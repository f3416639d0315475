import { randomUUID } from 'node:crypto';

import { createOpencodeClient as createSdkClient } from '@opencode-ai/sdk/v2/client';
import { outlastLink } from '@optio-ts/host-core';

import { describeMessage, describeSession, describeStatus } from './describe-answers.ts';
import { OpencodeError } from './errors.ts';
import { followEvents } from './follow-events.ts';
import type {
  OpencodeClient,
  OpencodeDirectoryOptions,
  OpencodePromptOptions,
  OpencodeRequestOptions,
} from './opencode-client.ts';
import { OpencodeConnectionError } from './transport.ts';
import type { Transport } from './transport.ts';

/** What a client talks to. */
export interface CreateClientOptions {
  readonly transport: Transport;
  /** Directory that requests are about unless they name another. */
  readonly directory: string;
  /** Aborted when the server has ended: then event streams end too. */
  readonly closed: AbortSignal;
}

const TIMEOUT_MS = 15_000;
/** Milliseconds that a lost link under the forwarded port is waited for, to say something once. */
const OUTAGE_MS = 60_000;
/** Messages that an agent may add meanwhile, one for each of its steps: among them a prompt is looked for. */
const STEPS_IN_OUTAGE = 200;
/** A session of 26 MB took 2 s on two cores; over a slow link it may be minutes. */
const MESSAGES_TIMEOUT_MS = 120_000;

/** Creates the client of a running server. */
export function createClient(options: CreateClientOptions): OpencodeClient {
  const { transport } = options;
  const sdk = createSdkClient({ baseUrl: transport.baseUrl });

  function rules(own: OpencodeRequestOptions = {}, timeoutMs = TIMEOUT_MS) {
    const sendOptions = { timeoutMs: own.timeoutMs ?? timeoutMs, abortSignal: own.abortSignal };
    return {
      throwOnError: true,
      fetch: (input: Request | URL | string) =>
        transport.send(input instanceof Request ? input : new Request(input), sendOptions),
    } as const;
  }

  function directory(own: OpencodeDirectoryOptions = {}): string {
    return own.directory ?? options.directory;
  }

  async function prompt(sessionID: string, own: OpencodePromptOptions): Promise<void> {
    // The id of the part tells later whether the prompt arrived. Not the id of the message: opencode orders messages by it,
    // so one of ours would put an answer before its question wherever the two clocks differ.
    const id = `prt_${randomUUID().replaceAll('-', '')}`;
    const hasArrived = async (): Promise<boolean> => {
      const { data } = await sdk.session.messages(
        { sessionID, directory: directory(own), limit: STEPS_IN_OUTAGE },
        rules(own, MESSAGES_TIMEOUT_MS),
      );
      return data.some((message) => message.parts.some((part) => part.id === id));
    };
    let isAsked = false;
    const ask = async (): Promise<void> => {
      if (isAsked && (await hasArrived())) return;
      isAsked = true;
      await sdk.session.promptAsync(
        {
          sessionID,
          directory: directory(own),
          parts: [{ type: 'text', id, text: own.text }],
          ...(own.model === undefined
            ? {}
            : { model: { providerID: own.model.providerId, modelID: own.model.modelId } }),
          ...(own.agent === undefined ? {} : { agent: own.agent }),
        },
        rules(own),
      );
    };
    const { abortSignal } = own;
    await outlastLink(ask, {
      isPassing: (error) => error instanceof OpencodeConnectionError,
      limitMs: OUTAGE_MS,
      abortSignal: abortSignal === undefined ? options.closed : AbortSignal.any([options.closed, abortSignal]),
    });
  }

  return {
    async health(own) {
      const { data } = await sdk.global.health(rules(own));
      if (typeof data.version !== 'string')
        throw new OpencodeError('RESPONSE_INVALID', 'The health answer names no version');
      return { version: data.version };
    },
    async createSession(own = {}) {
      const parameters = {
        directory: directory(own),
        ...(own.title === undefined ? {} : { title: own.title }),
        ...(own.permission === undefined
          ? {}
          : {
              permission: own.permission.map(({ permission, pattern, action }) => ({
                permission,
                pattern: pattern ?? '*',
                action,
              })),
            }),
      };
      const { data } = await sdk.session.create(parameters, rules(own));
      return describeSession(data);
    },
    async session(sessionID, own) {
      return describeSession((await sdk.session.get({ sessionID, directory: directory(own) }, rules(own))).data);
    },
    async children(sessionID, own) {
      return (await sdk.session.children({ sessionID, directory: directory(own) }, rules(own))).data.map(
        describeSession,
      );
    },
    prompt,
    async messages(sessionID, own = {}) {
      const parameters = { sessionID, directory: directory(own), limit: own.limit ?? 50 };
      return (await sdk.session.messages(parameters, rules(own, MESSAGES_TIMEOUT_MS))).data.map(describeMessage);
    },
    async lastModel(sessionID, own) {
      const parameters = { sessionID, directory: directory(own), limit: 50 };
      const { data } = await sdk.session.messages(parameters, rules(own, MESSAGES_TIMEOUT_MS));
      const messages = data.map(describeMessage);
      return messages.findLast(({ role, model }) => role === 'assistant' && model !== undefined)?.model;
    },
    async abort(sessionID, own) {
      await sdk.session.abort({ sessionID, directory: directory(own) }, rules(own));
    },
    async status(own) {
      return describeStatus((await sdk.session.status({ directory: directory(own) }, rules(own))).data);
    },
    events: (own = {}) => followEvents(transport, { closed: options.closed, abortSignal: own.abortSignal }),
    permissions: {
      async list(own) {
        const { data } = await sdk.permission.list({ directory: directory(own) }, rules(own));
        return data.map(({ id, sessionID, permission, patterns }) => ({
          id,
          sessionId: sessionID,
          permission,
          patterns,
        }));
      },
      async reply(requestID, own) {
        const message = own.message === undefined ? {} : { message: own.message };
        await sdk.permission.reply({ requestID, directory: directory(own), reply: own.reply, ...message }, rules(own));
      },
    },
    questions: {
      async list(own) {
        const { data } = await sdk.question.list({ directory: directory(own) }, rules(own));
        return data.map(({ id, sessionID, questions }) => ({
          id,
          sessionId: sessionID,
          questions: questions.map(({ question, header, options: choices, multiple }) => ({
            question,
            header,
            options: choices,
            isMultiple: multiple === true,
          })),
        }));
      },
      async reply(requestID, own) {
        await sdk.question.reply(
          { requestID, directory: directory(own), answers: own.answers.map((labels) => [...labels]) },
          rules(own),
        );
      },
      async reject(requestID, own) {
        await sdk.question.reject({ requestID, directory: directory(own) }, rules(own));
      },
    },
    async reload(own) {
      await sdk.instance.dispose({ directory: directory(own) }, rules(own));
    },
    async dispose(own) {
      await sdk.global.dispose(rules(own));
    },
  };
}
