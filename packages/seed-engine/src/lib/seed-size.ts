import { runChecked, shellScript, type Host } from '@optio-ts/host-core';

// `find` does not follow links; what a home holds is the agent's, so the sizes are for a message and nothing else.
const named = 5;
const sizesScript = `
cd "$1" || exit
shift
for name; do
  [ -e "./$name" ] || continue
  find "./$name" -type f -exec stat -c '%s %n' {} +
done | sort -rn | head -n ${named}
`;

/** The largest files among those that a manifest includes, for a message: `3.2 MiB .config/x/y, …`. */
export async function describeLargest(
  host: Host,
  home: string,
  include: readonly string[],
  abortSignal: AbortSignal | undefined,
): Promise<string> {
  const { stdout } = await runChecked(host, shellScript(sizesScript, home, ...include), {
    what: `Cannot list the sizes below ${home}`,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  return largestOf(stdout.toString('utf8'));
}

/** From lines of a size and a name below `./`. */
export function largestOf(lines: string): string {
  const files = lines.split('\n').flatMap((line) => {
    const [, size, name] = /^(\d+) \.\/(.+)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, sizeBytes: Number(size) }];
  });
  return files
    .toSorted((left, right) => right.sizeBytes - left.sizeBytes)
    .slice(0, named)
    .map(({ name, sizeBytes }) => `${JSON.stringify(name).slice(1, -1)} (${formatSize(sizeBytes)})`)
    .join(', ');
}

function formatSize(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
