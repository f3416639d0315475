// Writes task.schema.json anew after a change of the task file's fields: `pnpm --filter @optio-ts/worker schema`.
import { writeFile } from 'node:fs/promises';

import { taskFileJsonSchema } from './lib/task-file-schema.ts';

await writeFile(
  new URL('../task.schema.json', import.meta.url),
  `${JSON.stringify(taskFileJsonSchema(), undefined, 2)}\n`,
);
