import type { Host, HostError, HostProcess } from '@optio-ts/host-core';

/** A host, with a hand on what follows the log: the only command that is given an input. */
export interface FragileHost {
  readonly host: Host;
  /** Those that were started, in order. Killing the last one is a lost link. */
  readonly followers: readonly HostProcess[];
  /** From now on no command can be started; `undefined` takes it back. */
  readonly refuse: (error: HostError | undefined) => void;
}

/** Wraps a host so that its link can be lost. */
export function createFragileHost(given: Host): FragileHost {
  const followers: HostProcess[] = [];
  let refusal: HostError | undefined;
  const host: Host = {
    ...given,
    spawn: async (command, options) => {
      if (refusal !== undefined) throw refusal;
      const process = await given.spawn(command, options);
      if (options?.stdin !== undefined) followers.push(process);
      return process;
    },
  };
  return {
    host,
    followers,
    refuse: (error) => {
      refusal = error;
    },
  };
}
