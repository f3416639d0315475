/** What the `optio` command's exit codes mean; the README's table says the same. */
export const EXIT_CODES = {
  /** The agent said DONE and everything it delivered is saved. */
  done: 0,
  /** The agent said ERROR, or ended in another way that is its own or its model's, or a deliverable could not be saved. */
  failed: 1,
  /** The command line or the task file is wrong, or what it names is not there. Nothing was started. */
  usage: 2,
  /** Ended in good order before it was done: by one Ctrl-C or SIGTERM, or by a cancel from elsewhere. */
  cancelled: 3,
  /** The host, its link or the installation of opencode. */
  host: 4,
  /** The store or the key to it. */
  store: 5,
  /** A defect of optio itself. */
  defect: 70,
} as const;
