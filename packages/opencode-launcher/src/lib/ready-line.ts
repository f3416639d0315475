/** Where a server says that it listens. */
export interface ListeningAddress {
  /** Without brackets: `127.0.0.1`, `::1`. */
  readonly hostname: string;
  readonly port: number;
}

/** `serve` prints the first, `web` the second, in colours. */
const READY_LINES: readonly RegExp[] = [
  /^opencode server listening on https?:\/\/(?<hostname>\S+):(?<port>\d+)\/?$/,
  /^(?:Web interface|Local access):\s+https?:\/\/(?<hostname>\S+):(?<port>\d+)\/?$/,
];

/**
 * Reads the line that says that the server is up; `undefined` for every other line, such as a notice that holds an address
 * too. Not by a URL parser: opencode prints IPv6 addresses without their brackets.
 */
export function parseReadyLine(line: string): ListeningAddress | undefined {
  const text = stripAnsi(line).trim();
  for (const pattern of READY_LINES) {
    const { hostname, port } = pattern.exec(text)?.groups ?? {};
    if (hostname === undefined || port === undefined || Number(port) > 65_535) continue;
    return { hostname: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
  }
  return undefined;
}

/** Takes colours and cursor movements out of a line. */
export function stripAnsi(line: string): string {
  // The escape character is what is looked for here.
  // oxlint-disable-next-line eslint/no-control-regex
  return line.replaceAll(/\u001B\[[0-9;?]*[A-Za-z]/g, '');
}
