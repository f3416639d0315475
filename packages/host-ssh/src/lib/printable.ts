/** What a server says, for a message: it may hold anything. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}+/gu, ' ').slice(0, 500);
}
