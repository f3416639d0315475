/**
 * Shell function `here`: where the current directory really is, for whoever must know whether a link has led him there.
 *
 * dash and busybox ask the kernel. bash looks at the names again, in several steps, and somebody who swaps a directory for a
 * link and back between them has it say what was hoped for while it stands somewhere else: so do, for all we know, the others.
 */
export const hereFunction = `
here() {
  if [ -n "$BASH_VERSION$KSH_VERSION$ZSH_VERSION$YASH_VERSION" ]; then env pwd -P; else pwd -P; fi
}
`;
