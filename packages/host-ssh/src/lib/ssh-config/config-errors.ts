import { HostError } from '@optio-ts/host-core';

/** The configuration cannot be read, or says what cannot be. */
export function configFailed(message: string, options?: ErrorOptions): HostError {
  return new HostError('CONFIG_FAILED', message, options);
}

/** The configuration asks for what is not done here, and going on without it would be something else than it says. */
export function configUnsupported(message: string): HostError {
  return new HostError('CONFIG_UNSUPPORTED', message);
}
