// What we use of npm's own packages, which ship no types. Those on DefinitelyTyped are years behind.

declare module '@npmcli/agent' {
  import type { ClientRequest } from 'node:http';

  /** An agent for http and https, straight or through a proxy. */
  export class Agent {
    constructor(options: Readonly<Record<string, unknown>>);
    addRequest(request: ClientRequest, options: unknown): void;
  }
}

declare module '@npmcli/config' {
  /** npm's configuration, layered: defaults, builtin, global, user, project, environment, command line. */
  export default class Config {
    constructor(options: {
      readonly definitions: Readonly<Record<string, unknown>>;
      readonly shorthands: Readonly<Record<string, readonly string[]>>;
      readonly flatten: (data: Readonly<Record<string, unknown>>, flat: Record<string, unknown>) => void;
      readonly nerfDarts: readonly string[];
      readonly npmPath: string;
      readonly env: Record<string, string | undefined>;
      readonly argv: readonly string[];
      readonly execPath: string;
      readonly cwd: string;
      readonly warn: boolean;
    });
    readonly flat: Record<string, unknown>;
    load(): Promise<void>;
    validate(): boolean;
    get(key: string): unknown;
    isDefault(key: string): boolean;
  }
}

declare module '@npmcli/config/lib/definitions/index.js' {
  const npmDefinitions: {
    readonly definitions: Readonly<
      Record<
        string,
        {
          readonly flatten?: (
            key: string,
            data: Readonly<Record<string, unknown>>,
            flat: Record<string, unknown>,
          ) => void;
        }
      >
    >;
    readonly nerfDarts: readonly string[];
  };
  export default npmDefinitions;
}

declare module 'npm-registry-fetch' {
  interface RegistryResponse {
    readonly status: number;
    readonly headers: { get(name: string): string | null };
    readonly body: AsyncIterable<Uint8Array> & { readonly bufferLength: number };
  }
  interface RegistryFetch {
    (
      url: string,
      options: Readonly<Record<string, unknown>> & { readonly signal?: AbortSignal },
    ): Promise<RegistryResponse>;
    pickRegistry(spec: string, options: Readonly<Record<string, unknown>>): string;
  }
  const fetch: RegistryFetch;
  export default fetch;
}

declare module 'npm-registry-fetch/lib/auth.js' {
  /** The credentials that npm sends to an address. */
  export default function getAuth(
    url: string,
    options: Readonly<Record<string, unknown>>,
  ): {
    readonly token: string | null | undefined;
    readonly auth: string | null | undefined;
    readonly cert: string | null;
  };
}
