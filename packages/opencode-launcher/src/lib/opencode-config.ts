/** What may stand in an opencode configuration. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** The contents of an `opencode.json`, as opencode documents them. Unknown keys are ignored by it. */
export type OpencodeConfig = { readonly [key: string]: JsonValue };

/**
 * What an agent may do while nobody is there to be asked: everything, but for files outside of its workdir (its own file
 * tools only: commands are bound by confinement, not by this), and no questions, which would block it for ever.
 */
export const HEADLESS_PERMISSIONS: { readonly [permission: string]: string } = {
  '*': 'allow',
  question: 'deny',
  external_directory: 'deny',
};

/** Options of `completeOpencodeConfig`. */
export interface CompleteOpencodeConfigOptions {
  /** Whether a person is there to answer questions and permission requests; then opencode's own defaults hold. @default false */
  readonly isAttended?: boolean;
}

/**
 * A caller's configuration with our defaults below it: nothing is shared, updated or kept as snapshots in the workdir, and
 * nothing waits for a person unless one is there. Whatever the caller says wins, key by key.
 */
export function completeOpencodeConfig(
  config: OpencodeConfig,
  options: CompleteOpencodeConfigOptions = {},
): OpencodeConfig {
  const completed: OpencodeConfig = { autoupdate: false, share: 'disabled', snapshot: false, ...config };
  return options.isAttended === true
    ? completed
    : { ...completed, permission: headlessPermissions(config['permission']) };
}

/** opencode reads rules in order and the last one that fits wins, so the caller's come last. */
function headlessPermissions(own: JsonValue | undefined): JsonValue {
  // A single word stands for every permission; questions would still block under 'allow' (measured).
  if (typeof own === 'string') return { '*': own, question: 'deny' };
  if (typeof own !== 'object' || own === null || Array.isArray(own)) return HEADLESS_PERMISSIONS;
  return { ...HEADLESS_PERMISSIONS, ...(own as OpencodeConfig) };
}
