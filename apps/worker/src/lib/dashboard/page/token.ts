const KEY = 'optio-token';

/** The token of the link that the page was opened by, else the one that this tab has kept. It leaves the address bar and the history. */
export function takeToken(): string | undefined {
  const given = tokenIn(location.hash);
  if (given !== undefined) {
    keepToken(given);
    history.replaceState(undefined, '', '#/');
  }
  return given ?? sessionStorage.getItem(KEY) ?? undefined;
}

/** Reads what somebody pasted: the link, or the token alone. */
export function tokenIn(text: string): string | undefined {
  return /(?:^|#token=)([\w-]{43})$/.exec(text.trim())?.[1];
}

/** Keeps a token for this tab, until it is closed. */
export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}
