import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { HostError } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { afterAll, describe, expect, it } from 'vitest';

import { createScriptedBench, readText } from '../../test/scripted-agent.ts';
import type { Deliverable } from './events.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

describe('deliverables', () => {
  it('refuses what is not a regular file under deliverables/, and answers the agent', async () => {
    const answers: string[] = [];
    const { session, signal } = await bench.start(
      `mkfifo deliverables/pipe
       ln -s /etc/passwd deliverables/leak
       echo stray >stray.txt
       head -c 2000 /dev/zero >deliverables/large
       for path in ../etc/passwd /etc/passwd stray.txt deliverables/pipe deliverables/leak deliverables deliverables/missing deliverables/large; do
         say "DELIVERABLE: $path"
       done
       printf 'DELIVERABLE: deliverables/\\377\\n' >>optio.log
       await_file answered
       say DONE
       stay`,
      {
        maxDeliverableBytes: 1000,
        agent: (agent) => ({
          ...agent,
          sendToAgent: (text) => {
            answers.push(text);
            if (answers.join('\n').split('refused').length - 1 === 9) signal('answered');
            return Promise.resolve();
          },
        }),
      },
    );
    const events = await Array.fromAsync(session.events);
    expect((await session.result).state).toBe('done');
    const refusals = events.flatMap((event) => (event.type === 'deliverable-rejected' ? [event] : []));
    expect(refusals.map(({ path, refusal }) => `${path} ${refusal}`)).toEqual([
      '../etc/passwd not-found',
      '/etc/passwd outside-workdir',
      'stray.txt outside-deliverables',
      'deliverables/pipe not-a-file',
      'deliverables/leak outside-workdir',
      'deliverables not-a-file',
      'deliverables/missing not-found',
      'deliverables/large too-large',
      'deliverables/\ufffd not-found',
    ]);
    expect(refusals[1]?.reason).toContain('invalid deliverable path');
    expect(refusals[2]?.reason).toContain('not under deliverables/');
    expect(refusals[7]?.reason).toBe('2000 bytes, more than the 1000 bytes that are allowed');
  });

  it('hands over binary content, and each announcement anew', async () => {
    const contents: Buffer[] = [];
    const { session } = await bench.start(
      `printf '\\000\\377\\n\\r\\000' >deliverables/binary
       say 'DELIVERABLE: deliverables/binary'
       await_file seen
       printf second >deliverables/binary
       say 'DELIVERABLE: deliverables/binary'
       say DONE
       stay`,
      {
        hooks: {
          onDeliverable: async ({ workdir: path }, { content }) => {
            contents.push(Buffer.concat(await Array.fromAsync(content())));
            writeFileSync(join(path, 'seen'), '');
          },
        },
      },
    );
    await session.result;
    expect(contents.map((bytes) => bytes.toString('latin1'))).toEqual(['\0\u00ff\n\r\0', 'second']);
  });

  it('is not ended by a hook that throws, and says what a hook answers', async () => {
    const said: string[] = [];
    const { session } = await bench.start(
      `for name in bad lost good; do : >deliverables/$name; say "DELIVERABLE: deliverables/$name"; done
       await_file answered; say DONE; stay`,
      {
        hooks: {
          onDeliverable: (_context, { name }) => {
            if (name === 'bad') throw new Error('disk full');
            if (name === 'lost') throw new Error('no upload', { cause: new HostError('CONNECTION_LOST', 'gone') });
            return 'please revise';
          },
        },
        agent: (agent, process) => ({
          ...agent,
          sendToAgent: async (text) => {
            said.push(text);
            await bench.host.run(['touch', join(process.output.path, '../../../workdir/answered')]);
          },
        }),
      },
    );
    const events = await Array.fromAsync(session.events);
    expect(events).toMatchObject([
      { type: 'deliverable-rejected', refusal: 'hook-failed', reason: 'onDeliverable callback raised: disk full' },
      { type: 'deliverable-rejected', refusal: 'link-lost', reason: 'onDeliverable callback raised: no upload' },
      { type: 'deliverable', name: 'good' },
      { type: 'done' },
      { type: 'ended' },
    ]);
    expect(said).toEqual(['please revise']);
  });

  it('waits for the hook before the end, one file at a time', async () => {
    const seen: string[] = [];
    let running = 0;
    const { session } = await bench.start(
      `for n in 1 2 3; do echo $n >deliverables/$n; say "DELIVERABLE: deliverables/$n"; done; say DONE; exit`,
      {
        hooks: {
          onDeliverable: async (_context, deliverable) => {
            running += 1;
            seen.push(`${running} ${await readText(deliverable.content())}`);
            running -= 1;
          },
        },
      },
    );
    expect((await session.result).state).toBe('done');
    expect(seen).toEqual(['1 1\n', '1 2\n', '1 3\n']);
  });

  it.each([
    ['say DONE; stay', 'done'],
    ['exit 3', 'failed'],
  ])('hears what comes behind more files than may wait for a hook that hangs: %s', async (end, state) => {
    const { session } = await bench.start(
      `: >deliverables/a
       for n in $(seq 70); do echo 'DELIVERABLE: deliverables/a'; done >>optio.log
       ${end}`,
      {
        hooks: {
          // Aborted when it was heard. A cancel then only takes the patience away.
          beforeExecute: ({ abortSignal }) => abortSignal.addEventListener('abort', () => void session.cancel()),
          onDeliverable: async () => new Promise(() => undefined),
        },
        limits: { drainMs: 600_000, cancelDrainMs: 50 },
      },
    );
    expect(await session.result).toMatchObject({
      state,
      problems: [{ step: 'onDeliverable', message: 'not everything was taken in time' }],
    });
  });

  it('says why content cannot be read any more', async () => {
    const taken: Deliverable[] = [];
    const { session, path } = await bench.start(
      `: >deliverables/a; say 'DELIVERABLE: deliverables/a'; say DONE; stay`,
      {
        hooks: { onDeliverable: (_context, deliverable) => void taken.push(deliverable) },
      },
    );
    await session.result;
    execFileSync('rm', [path('deliverables/a')]);
    symlinkSync('/etc/passwd', path('deliverables/a'));
    await expect(Array.fromAsync(taken[0]?.content() ?? [])).rejects.toMatchObject({ code: 'DELIVERABLE_UNREADABLE' });
  });

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
});
