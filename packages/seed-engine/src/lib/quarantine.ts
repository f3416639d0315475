import type { FieldReader } from './field-reader.ts';

/** The mark of what could not be opened. It is kept as it is, and may be opened once its key is there. */
export interface Quarantine {
  readonly reason: string;
  readonly at: Date;
}

/** The mark of a seed's or a snapshot's document; `undefined` where there is none. */
export function readQuarantine(fields: FieldReader): Quarantine | undefined {
  const mark = fields.inner('quarantine');
  return mark && { reason: mark.text('reason'), at: mark.date('at') };
}
