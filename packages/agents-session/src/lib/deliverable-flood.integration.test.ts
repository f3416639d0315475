import type { Host } from '@optio-ts/host-core';
import { afterAll, expect, it } from 'vitest';

import { createScriptedBench } from '../../test/scripted-agent.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

it('looks at many deliverables in few round trips, keeps the order of the log, and answers in few messages', async () => {
  let runs = 0;
  const host: Host = {
    ...bench.host,
    run: (command, options) => {
      runs += 1;
      return bench.host.run(command, options);
    },
  };
  const answers: string[] = [];
  const script = `echo x >deliverables/good
    awk 'BEGIN {
      for (n = 1; n <= 2000; n++) { print "DELIVERABLE: deliverables/missing-" n; if (n % 500 == 0) print "STATUS: " n "\\nDELIVERABLE: deliverables/good" }
      print "DONE"
    }' >>optio.log
    stay`;
  const { session } = await bench.start(script, {
    host,
    agent: (agent) => ({
      ...agent,
      sendToAgent: (text) => {
        answers.push(text);
        return Promise.resolve();
      },
    }),
  });
  const seen: string[] = [];
  for await (const event of session.events) {
    if (event.type === 'deliverable-rejected') seen.push(event.path.split('-')[1] ?? '');
    else if (event.type === 'status') seen.push(`status ${event.message}`);
    else if (event.type === 'deliverable') seen.push(event.name);
  }
  const expected = Array.from({ length: 2000 }, (_, index) => {
    const number = String(index + 1);
    return (index + 1) % 500 === 0 ? [number, `status ${number}`, 'good'] : [number];
  });
  expect(seen).toEqual(expected.flat());
  expect((await session.result).state).toBe('done');
  // Two thousand and four files; 128 go along in one.
  expect(runs).toBeLessThan(60);
  expect(answers.length).toBeLessThan(10);
});
