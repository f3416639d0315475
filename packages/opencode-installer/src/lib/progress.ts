const mebibyte = 1024 ** 2;

/**
 * Makes a reporter that passes on at most a hundred reports of a download: one per percent, or one per MiB where the total is
 * not known.
 */
export function throttleBytes(
  totalBytes: number | undefined,
  onBytes: ((bytes: number, totalBytes: number | undefined) => void) | undefined,
): (bytes: number) => void {
  const isTotalKnown = totalBytes !== undefined && totalBytes > 0;
  let last = -1;
  return (bytes) => {
    // Multiplied first: divided first, the last percent may come out as 99.99….
    const mark = isTotalKnown ? Math.floor((bytes * 100) / totalBytes) : Math.floor(bytes / mebibyte);
    if (mark === last) return;
    last = mark;
    onBytes?.(bytes, totalBytes);
  };
}
