import manifest from '../../package.json' with { type: 'json' };

/** Why this Node cannot run `optio`, in a line; `undefined` where it can. */
export function refusalOfNode({ execPath, version }: Pick<NodeJS.Process, 'execPath' | 'version'>): string | undefined {
  const oldest = manifest.engines.node.replace('>=', '');
  const [major = 0, minor = 0] = numbersOf(version);
  const [oldestMajor = 0, oldestMinor = 0] = numbersOf(oldest);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return `needs Node ${oldest} or newer, and ${execPath} is ${version.slice(1)}; put a newer one into the PATH before it`;
}

function numbersOf(version: string): readonly number[] {
  return version.replace('v', '').split('.').map(Number);
}
