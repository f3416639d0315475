/**
 * opencode's page of a session on this machine. The directory is part of the path, in base64url without padding: with padding,
 * or without the directory, opencode shows another page (measured with 1.18.33).
 */
export function sessionUrl(localPort: number, workdir: string, opencodeSessionId: string): string {
  const directory = Buffer.from(workdir, 'utf8').toString('base64url');
  return `http://127.0.0.1:${localPort}/${directory}/session/${opencodeSessionId}`;
}
