/** opencode's page of a session on this machine. */
export function sessionUrl(localPort: number, workdir: string, opencodeSessionId: string): string {
  return `http://127.0.0.1:${localPort}/${sessionPath(workdir, opencodeSessionId)}`;
}

/**
 * opencode's page of a session, relative to its server. The directory is part of the path, in base64url without padding: with
 * padding, or without the directory, opencode shows another page (measured with 1.18.33).
 */
export function sessionPath(workdir: string, opencodeSessionId: string): string {
  return `${Buffer.from(workdir, 'utf8').toString('base64url')}/session/${opencodeSessionId}`;
}
