import { findActiveContent, newActiveContent } from './active-content.ts';
import type { ActiveItem, HomeContent } from './active-content.ts';
import { formatJson, hasLogin, modelOf, withModel } from './config.ts';
import type { JsonObject } from './config.ts';
import { OpencodeSeedError } from './errors.ts';
import { hasRotatingLogin } from './logins.ts';
import { AUTH_FILE } from './manifest.ts';

/** How much of a home a seed keeps. */
export type CaptureScope = 'everything' | 'login';

/** What a capture is decided from. */
export interface CaptureRequest {
  readonly scope: CaptureScope;
  /** The home, for messages. */
  readonly where: string;
  /** The model that the session used, if it is known. */
  readonly model?: string | undefined;
  /** The configuration that the home was given before an agent used it. */
  readonly config?: JsonObject | undefined;
  /** Whether what can run code may be kept, though it is new. */
  readonly acceptCode: boolean;
  /** What could run code in the seed that the session started from: that may be kept. */
  readonly before: readonly ActiveItem[];
}

/** What a capture will keep. */
export interface CapturePlan {
  readonly model: string;
  /** Text of the configuration file in the seed. */
  readonly configText: string;
  /** What of the home can run code or redirect traffic, by name. */
  readonly activeContent: readonly string[];
  /** Whether its login rotates when it is used. */
  readonly isExclusive: boolean;
}

/** `provider/model`, without anything that a terminal or a shell would act on. */
const modelPattern = /^[^\s/\p{Cc}]+\/[^\s\p{Cc}]{1,200}$/u;

/**
 * Decides what of a home is kept, and refuses a home from which no session could start: a seed without a login or without a
 * model would be found out only by the next one.
 *
 * Throws `LOGIN_MISSING`, `MODEL_MISSING`, `ACTIVE_CONTENT`.
 */
export function planCapture(home: HomeContent, request: CaptureRequest): CapturePlan {
  if (!hasLogin(home.auth)) {
    throw new OpencodeSeedError(
      'LOGIN_MISSING',
      `Nothing to keep as a seed: ${request.where} has no login in ${AUTH_FILE}. Log in with that home first: opencode auth login`,
    );
  }
  const given = request.scope === 'everything' ? home.config : request.config;
  const model = request.model ?? modelOf(given) ?? modelOf(home.config);
  if (model === undefined || !modelPattern.test(model)) {
    throw new OpencodeSeedError(
      'MODEL_MISSING',
      model === undefined
        ? `Nothing to keep as a seed: ${request.where} names no model, and none was used. Give the one to start with as model`
        : `Nothing to keep as a seed: the model is not of the form provider/model: ${JSON.stringify(model.slice(0, 200))}`,
    );
  }
  const activeContent = findActiveContent(
    request.scope === 'everything' ? home : { ...home, config: undefined, plugins: new Map() },
  );
  const added = newActiveContent(activeContent, request.before).map(({ name }) => name);
  if (added.length > 0 && !request.acceptCode) {
    throw new OpencodeSeedError(
      'ACTIVE_CONTENT',
      `The home holds what can run code, steer the agent or redirect its traffic: ${added.join('; ')}; keep it only if nobody but you put it there (acceptCode)`,
    );
  }
  return {
    model,
    configText: formatJson(withModel(given, model)),
    activeContent: activeContent.map(({ name }) => name),
    isExclusive: hasRotatingLogin(home.auth),
  };
}
