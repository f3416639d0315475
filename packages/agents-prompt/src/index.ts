export { composeAgentsMd } from './lib/agents-md.ts';
export type { ComposeAgentsMdOptions, ResumeSection } from './lib/agents-md.ts';
export { browserShims } from './lib/browser-shims.ts';
export type { BrowserShim, BrowserShims, BrowserShimsOptions } from './lib/browser-shims.ts';
export { cleanLine, MAX_LINE_LENGTH } from './lib/clean-line.ts';
export type {
  AttentionEntry,
  BrowserEntry,
  BrowserMode,
  DeliverableEntry,
  DomainMessageEntry,
  DoneEntry,
  ErrorEntry,
  JsonValue,
  KeywordName,
  LogEntry,
  StatusEntry,
  UnknownEntry,
} from './lib/log-entry.ts';
export { createLogProtocol } from './lib/log-protocol.ts';
export type { CreateLogProtocolOptions, LogProtocol, ParseLineOptions } from './lib/log-protocol.ts';
export { composeDeliverableMessage, composeIdleReminder } from './lib/messages.ts';
export type { DeliverableAnswer, DeliverableMessageOptions, IdleReminderOptions } from './lib/messages.ts';
export { formatResumeLogLine } from './lib/resume-log.ts';
export type { ResumeLogLine } from './lib/resume-log.ts';
export {
  DELIVERABLES_DIRECTORY,
  LOG_FILE,
  RESUME_LOG_FILE,
  ROTATED_LOG_FILE,
  SHIM_DIRECTORY,
} from './lib/workdir-files.ts';
