/** A session of opencode. */
export interface OpencodeSession {
  /** As opencode names it: `ses_…`. */
  readonly id: string;
  /** Where its tools run: its own, whatever directory a request names. */
  readonly directory: string;
  readonly title: string;
  /** Set for the session of a subagent. */
  readonly parentId: string | undefined;
}

/** A model as opencode names it. */
export interface OpencodeModel {
  readonly providerId: string;
  readonly modelId: string;
}

/** One message of a session, reduced to what a harness needs. */
export interface OpencodeMessage {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  /** All its text parts, joined by line ends. Empty for one with tool calls only. */
  readonly text: string;
  /** The model that it came from, or was meant for. */
  readonly model: OpencodeModel | undefined;
  /** Of an assistant: why it stopped, such as `stop` or `tool-calls`; `undefined` while it goes on, and when it failed. */
  readonly finish: string | undefined;
  /** Of an assistant: why it failed. */
  readonly error: OpencodeModelError | undefined;
  /** Of an assistant: the tools it called, in order. */
  readonly toolCalls: readonly { readonly tool: string; readonly status: string }[];
}

/** Why a model's answer failed. */
export interface OpencodeModelError {
  /** As opencode names it: `APIError`, `MessageAbortedError`, `ProviderAuthError`… */
  readonly name: string;
  /** The provider's own words, where there are any. */
  readonly message: string;
  /** HTTP status of the provider, where there was one. */
  readonly statusCode: number | undefined;
}

/** What a session does. One that is not listed is idle, or has only just been prompted: never conclude that it is done. */
export type OpencodeSessionStatus =
  | { readonly type: 'busy' }
  | { readonly type: 'retry'; readonly attempt: number; readonly message: string; readonly nextAt: Date };

/** Something the agent wants to do and may not without leave. */
export interface OpencodePermissionRequest {
  readonly id: string;
  readonly sessionId: string;
  /** Which kind: `bash`, `edit`, `external_directory`… */
  readonly permission: string;
  /** What for: commands or paths. */
  readonly patterns: readonly string[];
}

/** Something the agent asks a person. */
export interface OpencodeQuestionRequest {
  readonly id: string;
  readonly sessionId: string;
  readonly questions: readonly {
    readonly question: string;
    readonly header: string;
    readonly options: readonly { readonly label: string; readonly description: string }[];
    /** Whether more than one option may be chosen. */
    readonly isMultiple: boolean;
  }[];
}

/** What happens in the server, as it says it; `properties` differ by type and are not checked. */
export interface OpencodeEvent {
  /** For instance `session.idle`, `session.error`, `permission.asked`; `server.connected` at each (re)connection. */
  readonly type: string;
  /** Of the session that it is about; `undefined` for events of the server itself. */
  readonly sessionId: string | undefined;
  readonly directory: string | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A rule of what a session may do. */
export interface OpencodePermissionRule {
  readonly permission: string;
  /** @default '*' */
  readonly pattern?: string;
  readonly action: 'allow' | 'ask' | 'deny';
}

/** What every request takes. */
export interface OpencodeRequestOptions {
  readonly abortSignal?: AbortSignal;
  /** Milliseconds until the answer must be there. @default 15000, for messages 120000 */
  readonly timeoutMs?: number;
}

/** What requests take that are answered for one directory. */
export interface OpencodeDirectoryOptions extends OpencodeRequestOptions {
  /** Absolute path on the host. @default the workdir that the client was created for */
  readonly directory?: string;
}

/** Options of `OpencodeClient.createSession`. */
export interface CreateOpencodeSessionOptions extends OpencodeDirectoryOptions {
  /** @default chosen by opencode's small model after the first prompt */
  readonly title?: string;
  /** Rules for this session on top of the configured ones. @default none */
  readonly permission?: readonly OpencodePermissionRule[];
}

/** Options of `OpencodeClient.prompt`. */
export interface OpencodePromptOptions extends OpencodeDirectoryOptions {
  readonly text: string;
  /** @default the session's last one, then the configured one. Name it for a session that comes from elsewhere. */
  readonly model?: OpencodeModel;
  /** @default opencode's `build` */
  readonly agent?: string;
}

/** Options of `OpencodeClient.messages`. */
export interface OpencodeMessagesOptions extends OpencodeDirectoryOptions {
  /** How many, counted from the newest. @default 50 */
  readonly limit?: number;
}

/**
 * What a harness needs of opencode's HTTP interface.
 *
 * Every request throws `OpencodeRequestError` (status and body) for an answer that is an error, `CONNECTION_FAILED`,
 * `REQUEST_TIMEOUT`, `ABORTED`, and `RESPONSE_INVALID` for an answer that is not opencode's. Requests that only read are
 * repeated when the connection fails; others only when they were certainly not received.
 */
export interface OpencodeClient {
  /** Asks whether the server answers, and which version it is. */
  health(options?: OpencodeRequestOptions): Promise<{ readonly version: string }>;
  createSession(options?: CreateOpencodeSessionOptions): Promise<OpencodeSession>;
  /** Throws `SESSION_NOT_FOUND`. */
  session(sessionId: string, options?: OpencodeDirectoryOptions): Promise<OpencodeSession>;
  /** The sessions of its subagents, direct ones only. */
  children(sessionId: string, options?: OpencodeDirectoryOptions): Promise<readonly OpencodeSession[]>;
  /**
   * Gives the agent something to do and returns once the server has taken it, not when it is done. While the agent is busy
   * it is queued. After a lost connection it is sent again only when the session shows that it did not arrive.
   */
  prompt(sessionId: string, options: OpencodePromptOptions): Promise<void>;
  /** The newest messages, oldest first. */
  messages(sessionId: string, options?: OpencodeMessagesOptions): Promise<readonly OpencodeMessage[]>;
  /** The model of the last answer; `undefined` before the first one. */
  lastModel(sessionId: string, options?: OpencodeDirectoryOptions): Promise<OpencodeModel | undefined>;
  /** Ends what the session does, its running tools included. No error for one that does nothing. */
  abort(sessionId: string, options?: OpencodeDirectoryOptions): Promise<void>;
  /** What the sessions of the directory do, by session id. */
  status(options?: OpencodeDirectoryOptions): Promise<ReadonlyMap<string, OpencodeSessionStatus>>;
  /**
   * Everything that happens from now on, until `abortSignal` or the server's end. A lost connection is made again;
   * `server.connected` then tells that something may have been missed.
   */
  events(options?: { readonly abortSignal?: AbortSignal }): AsyncIterable<OpencodeEvent>;
  readonly permissions: {
    list(options?: OpencodeDirectoryOptions): Promise<readonly OpencodePermissionRequest[]>;
    /** A `reject` with a message lets the agent go on; without one it ends its run. */
    reply(
      requestId: string,
      options: OpencodeDirectoryOptions & { readonly reply: 'once' | 'always' | 'reject'; readonly message?: string },
    ): Promise<void>;
  };
  readonly questions: {
    list(options?: OpencodeDirectoryOptions): Promise<readonly OpencodeQuestionRequest[]>;
    /** One list of labels, or of free text, per question. */
    reply(
      requestId: string,
      options: OpencodeDirectoryOptions & { readonly answers: readonly (readonly string[])[] },
    ): Promise<void>;
    /** Ends the agent's run. */
    reject(requestId: string, options?: OpencodeDirectoryOptions): Promise<void>;
  };
  /** Drops what the server has loaded for the directory, such as logins and configuration, and ends what runs there. */
  reload(options?: OpencodeDirectoryOptions): Promise<void>;
  /** Ends everything that runs: sessions, tools, terminals. The server stays. */
  dispose(options?: OpencodeRequestOptions): Promise<void>;
}
