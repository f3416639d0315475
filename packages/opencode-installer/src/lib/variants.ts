import type { HostProbe } from '@optio-ts/host-core';

/** What of a probe decides which binary runs on a host. */
export type VariantProbe = Pick<HostProbe, 'arch' | 'hasAvx2' | 'libc' | 'os'>;

/**
 * Returns the variants of opencode that run on a host, the best one first. The names are the ends of the npm packages'
 * names: `linux-x64`, `linux-x64-baseline-musl`, `darwin-arm64`.
 *
 * Only x64 comes in two builds: the faster one ends without a word on a processor without AVX2, so it is never offered there.
 */
export function opencodeVariants(probe: VariantProbe): readonly [best: string, ...others: string[]] {
  const libc = probe.os === 'linux' && probe.libc === 'musl' ? '-musl' : '';
  const base = `${probe.os}-${probe.arch}`;
  if (probe.arch !== 'x64') return [`${base}${libc}`];
  const baseline = `${base}-baseline${libc}`;
  return probe.hasAvx2 ? [`${base}${libc}`, baseline] : [baseline];
}

/** Returns the variant of ripgrep for a host. Its Linux builds are linked statically, so the libc does not matter. */
export function ripgrepVariant(probe: VariantProbe): string {
  return `${probe.os}-${probe.arch}`;
}
