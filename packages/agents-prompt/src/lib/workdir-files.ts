/** The file in the workdir that the agent appends its entries to. */
export const LOG_FILE = 'optio.log';

/** Where a log that an earlier run left is kept when the workdir is used again. */
export const ROTATED_LOG_FILE = 'optio.log.old';

/** The file in the workdir that gets one line per session start. */
export const RESUME_LOG_FILE = 'resume.log';

/** The directory in the workdir that holds what the agent hands over. */
export const DELIVERABLES_DIRECTORY = 'deliverables';

/** The directory in the workdir that holds the browser shims. */
export const SHIM_DIRECTORY = 'bin';
