/** A secret, or what fetches it when it is needed. */
export type SecretSource = string | (() => string | Promise<string>);

/** A question of the server in keyboard-interactive authentication. */
export interface KeyboardPrompt {
  readonly prompt: string;
  /** Whether the answer may be shown while it is typed. */
  readonly echo: boolean;
}

/** One way to prove who logs in. */
export type SshAuthentication =
  | {
      readonly type: 'key';
      /** The key itself: in OpenSSH's, PEM (PKCS#1, SEC1, PKCS#8) or PuTTY's format. */
      readonly privateKey: string | Uint8Array;
      /** Asked for only when the key is encrypted. */
      readonly passphrase?: SecretSource;
    }
  | {
      readonly type: 'key-file';
      /** Path of a private key on this machine, readable for its owner alone. Read for each connection. */
      readonly path: string;
      readonly passphrase?: SecretSource;
    }
  | {
      readonly type: 'agent';
      /** The ssh-agent's socket, as in `SSH_AUTH_SOCK`. The agent is used here and never forwarded. */
      readonly socketPath: string;
      /**
       * Only these of its keys, in this order: public keys or fingerprints. A server takes few tries (OpenSSH six), so an agent
       * that holds many keys needs it. @default all that it holds
       */
      readonly keys?: readonly string[];
    }
  | {
      readonly type: 'password';
      /** Sent as a password, or as the answer to a single hidden question where the server asks questions. */
      readonly password: SecretSource;
    }
  | {
      readonly type: 'keyboard-interactive';
      /** Answers the server's questions, one for each. */
      readonly answer: (prompts: readonly KeyboardPrompt[]) => readonly string[] | Promise<readonly string[]>;
    };
