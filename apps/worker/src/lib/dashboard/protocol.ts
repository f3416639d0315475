// What the dashboard's page and its server say to each other, as JSON. Types only: both sides are built apart.

/** One line of a session's history. Its text is made safe to show; where it came from an agent, it is still only text. */
export interface LogLine {
  /** Counts the lines of the session from 0. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: 'progress' | 'status' | 'info' | 'agent' | 'success' | 'warning' | 'error';
  readonly text: string;
}

/** A file that the agent handed over. Asked for by its place in the list, never by its name. */
export interface DeliverableView {
  readonly name: string;
  readonly sizeBytes: number;
  /** Counts the deliveries of one name: who looks at an old one can tell. */
  readonly version: number;
  /** The machine that has it, where that is another one; it cannot be opened here then. */
  readonly savedOn: string | undefined;
}

/** What the agent waits for. */
export type RequestView =
  | {
      readonly type: 'permission';
      readonly id: string;
      readonly permission: string;
      readonly patterns: readonly string[];
    }
  | {
      readonly type: 'question';
      readonly id: string;
      readonly questions: readonly QuestionView[];
    };

/** One question, with the answers to choose from; words of one's own are taken too. */
export interface QuestionView {
  readonly question: string;
  readonly header: string;
  readonly options: readonly { readonly label: string; readonly description: string }[];
  readonly isMultiple: boolean;
}

/** A session as the list shows it. */
export interface SessionSummary {
  readonly id: string;
  readonly taskId: string;
  readonly host: string;
  readonly state: 'starting' | 'live' | 'ending' | 'ended';
  /** How it ended. */
  readonly outcome: { readonly state: string; readonly message: string | undefined } | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Where it is, in its own words. */
  readonly status: string | undefined;
  /** 0 to 100. */
  readonly percent: number | undefined;
  /** Why a person is called for. */
  readonly attention: string | undefined;
  /** What the agent waits for. */
  readonly requestCount: number;
  /** Whether it runs in the process of the dashboard. Of others is known what their document and their journal tell. */
  readonly isHere: boolean;
  /** Whether its process is gone, and nobody has taken it up. */
  readonly isLeft: boolean;
}

/** A session as its own page shows it; its lines come apart. */
export interface SessionDetail extends SessionSummary {
  /** Of opencode. */
  readonly version: string | undefined;
  readonly isConfined: boolean | undefined;
  readonly requests: readonly RequestView[];
  readonly deliverables: readonly DeliverableView[];
  readonly outputDirectory: string | undefined;
  readonly seedId: string | undefined;
  readonly snapshotId: string | undefined;
  /** Whether opencode's own interface can be shown. */
  readonly hasInterface: boolean;
  /** Counts how often a page of it has lost its connection: what was said meanwhile is not on it. */
  readonly interfaceLosses: number;
  /** Whether the task can go on from here where it ended. */
  readonly canResume: boolean;
  /** Why it cannot, where that was found out. */
  readonly resumeProblem: string | undefined;
}

/** One line of `GET /api/watch`. */
export type WatchMessage =
  /** All sessions at first, later those that changed. */
  | {
      readonly type: 'sessions';
      readonly isWhole: boolean;
      readonly sessions: readonly SessionSummary[];
    }
  /** The session that is watched; the lines that came since the last message, or all there are. */
  | {
      readonly type: 'session';
      readonly isWhole: boolean;
      readonly session: SessionDetail;
      readonly lines: readonly LogLine[];
    }
  | { readonly type: 'unknown-session'; readonly id: string }
  /** Nothing new; the connection lives. */
  | { readonly type: 'beat' };

/** The body of `POST /api/tasks`. */
export interface StartRequest {
  /** A task file. */
  readonly text: string;
  /** A machine of the configuration. @default what the task says */
  readonly host?: string | undefined;
  readonly resume?: boolean | undefined;
}

/** The body of `POST /api/sessions/:id/cancel`. */
export interface CancelRequest {
  /** Nothing more is kept. @default in good order */
  readonly atOnce?: boolean | undefined;
}

/** The body of `POST /api/sessions/:id/requests/:requestId`. */
export type AnswerRequest =
  | {
      readonly type: 'permission';
      readonly reply: 'once' | 'always' | 'reject';
      readonly message?: string | undefined;
    }
  /** One list of labels, or of own words, per question. */
  | { readonly type: 'question'; readonly answers: readonly (readonly string[])[] };

/** The answer to `POST /api/sessions/:id/interface`: both good for one visit. */
export interface InterfaceLinks {
  readonly enter: string;
  readonly leave: string;
}

/** One of `GET /api/seeds`. */
export interface SeedView {
  readonly id: string;
  readonly createdAt: number;
  readonly model: string | undefined;
  readonly label: string | undefined;
}

/** One of `GET /api/hosts`. */
export interface HostView {
  readonly name: string;
  /** What one would write after `ssh`; absent for this machine. */
  readonly ssh: string | undefined;
}

/** The answer to `POST /api/hosts/:name/check`. */
export interface HostCheckView {
  readonly isUsable: boolean;
  /** A word and what is to be said of it. */
  readonly facts: readonly (readonly [string, string])[];
}

/** The body of an answer that refuses. */
export interface Refusal {
  readonly error: string;
  /** One per mistake in a task file, or the one there is. */
  readonly problems: readonly string[];
}
