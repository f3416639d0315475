/** The format this version writes and reads, kept as SQLite's `user_version`. */
export const sqliteFormat = 1;
