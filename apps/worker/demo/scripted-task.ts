import { randomBytes } from 'node:crypto';

import { startScriptedModel, taskScript } from '@optio-ts/testkit';
import type { ScriptedModel } from '@optio-ts/testkit';

/** What the tasks ask for; the model tells them apart by it. */
export const FIRST_TASK = 'Write a short report about this machine.';

/** Asked for in the second session. */
export const SECOND_TASK = 'Write a second report, in a session that nobody logged in to.';

/** A scripted model together with the key it asks for. */
export interface DemoModel extends AsyncDisposable {
  /** Up to and including `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
}

/** Starts the model of the demo: it reports its status, writes a report and finishes, by tool calls that opencode really runs. */
export async function startDemoModel(): Promise<DemoModel> {
  const apiKey = `demo-${randomBytes(12).toString('hex')}`;
  const model: ScriptedModel = await startScriptedModel({
    apiKey,
    script: taskScript({
      statuses: ['10% reading the task', '50% writing the report'],
      deliverables: {
        'report.md': (request) => (isSecond(request) ? SECOND_REPORT : FIRST_REPORT),
      },
      summary: (request) => (isSecond(request) ? 'the second report is written' : 'the report is written'),
    }),
  });
  return { baseUrl: `${model.url}/v1`, apiKey, [Symbol.asyncDispose]: () => model.close() };
}

function isSecond(request: { readonly system: string; readonly prompt: string }): boolean {
  return `${request.system}\n${request.prompt}`.includes(SECOND_TASK);
}

const FIRST_REPORT = `# Report

opencode asked a model what to do, and the model had it write this file, tell so in its log, and finish.
The model is a script, and everything else is real: the binary, its server, its tools, the log, the seed.
`;

const SECOND_REPORT = `# Second report

Nobody gave this session a key. The model asks for one all the same, so it came out of the seed.
`;
