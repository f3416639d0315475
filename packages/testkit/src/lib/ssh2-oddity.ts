import type { Connection, ServerChannel } from 'ssh2';

/** What a client asks an ssh2 server for, and what that may do about it. To do nothing leaves it without an answer. */
interface Ssh2Request {
  readonly connection: Connection;
  /** Says no. */
  readonly refuse: () => void;
}

/** A session that is asked for. */
export interface Ssh2SessionRequest extends Ssh2Request {
  /** Opens it, as a server should. */
  readonly serve: () => void;
}

/** A command that is asked for, in a session that was opened. */
export interface Ssh2CommandRequest extends Ssh2Request {
  readonly command: string;
  /** Says yes, and runs nothing. */
  readonly accept: () => ServerChannel;
  /** Runs it, as a server should but for what the options say. */
  readonly serve: (options?: Ssh2ServeOptions) => void;
}

/** How a command is served. */
export interface Ssh2ServeOptions {
  /** What is run instead of it. */
  readonly command?: string;
  /** Awaited before each chunk of its output is sent; `exited` resolves when its exit was told. */
  readonly beforeOutput?: (chunk: Buffer, exited: Promise<void>) => Promise<void> | undefined;
  /** Tells its exit instead of `tell`, or not at all. */
  readonly tellExit?: (channel: ServerChannel, tell: () => void) => void;
}

/** What an ssh2 server does otherwise than servers should. */
export interface Ssh2Oddity {
  /** Called after each login. */
  readonly onLogin?: (connection: Connection) => void;
  /** Called for each session that is asked for. @default it is served */
  readonly onSession?: (request: Ssh2SessionRequest) => void;
  /** Called for each command that is asked for. @default it is served */
  readonly onCommand?: (request: Ssh2CommandRequest) => void;
}
