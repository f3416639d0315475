/** What a README tells a reader to do first. */
export interface FirstSteps {
  /** Shell text of the first block below `## Install`. */
  readonly install: string;
  /** The first block of TypeScript; `undefined` for a README without. */
  readonly program: string | undefined;
}

/** Takes the first steps out of a README, as they are written. */
export function readFirstSteps(readme: string): FirstSteps {
  const install = /^## Install\n+```sh\n(.*?)^```$/ms.exec(readme)?.[1];
  if (install === undefined) throw new Error('The README has no `sh` block below "## Install"');
  return { install, program: /^```ts\n(.*?)^```$/ms.exec(readme)?.[1] };
}
