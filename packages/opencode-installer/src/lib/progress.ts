const mebibyte = 1024 ** 2;

/**
 * Makes a reporter that passes on at most a hundred reports of a download: one per percent, or one per MiB where the total is
 * not known.
 */
export function throttleBytes(
  totalBytes: number | undefined,
  onBytes: ((bytes: number, totalBytes: number | undefined) => void) | undefined,
): (bytes: number) => void {
  const unit = totalBytes === undefined || totalBytes <= 0 ? mebibyte : totalBytes / 100;
  let last = -1;
  return (bytes) => {
    const mark = Math.floor(bytes / unit);
    if (mark === last) return;
    last = mark;
    onBytes?.(bytes, totalBytes);
  };
}
