import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openWorkspace, probeHost, writeFiles } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { runCommand, scriptedProviderConfig, startSshd } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { escapeAttempts, escapeProgram } from '../../test/escape-attempts.ts';
import { layEscapeGround } from '../../test/escape-ground.ts';
import { setStage, takeTurn } from '../../test/stage.ts';
import type { Stage } from '../../test/stage.ts';
import type { OpencodeConfig } from './opencode-config.ts';

// A start takes 2 s on an idle machine and ten times that on a busy one.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const isRoot = process.getuid?.() === 0;
let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

interface Account extends AsyncDisposable {
  readonly host: Host;
  readonly owner: { readonly uid: number; readonly gid: number; readonly home: string };
  readonly taskRoot: string;
  /** Where that user can run it. */
  readonly program: string;
}

async function openRoot(): Promise<Account> {
  const base = await mkdtemp(join(tmpdir(), 'optio-escape-root-'));
  return {
    host: stage.host,
    owner: { uid: 0, gid: 0, home: '/root' },
    taskRoot: join(base, 'tasks'),
    program: stage.binary.path,
    [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true }),
  };
}

async function openOther(skip: (reason: string) => never): Promise<Account> {
  const { sshd, reason } = await startSshd({ user: 'other' });
  if (sshd === undefined) return skip(`needs ${reason}`);
  const host = createSshHost({ ...sshd.login, hostKeys: pinnedKey(...sshd.fingerprints) });
  const id = (flag: string): number => Number(execFileSync('id', [flag, sshd.user], { encoding: 'utf8' }));
  // root's own cache is not for others' eyes.
  const base = await mkdtemp(join(tmpdir(), 'optio-escape-bin-'));
  await chmod(base, 0o755);
  const program = join(base, 'opencode');
  execFileSync('sh', ['-c', 'ln "$1" "$2" 2>/dev/null || cp "$1" "$2"', 'sh', stage.binary.path, program]);
  return {
    host,
    owner: { uid: id('-u'), gid: id('-g'), home: sshd.home },
    taskRoot: join(sshd.home, 'tasks'),
    program,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await sshd.close();
      await rm(base, { recursive: true, force: true });
    },
  };
}

describe.skipIf(!isRoot).each(['root', 'others'] as const)('an agent of %s that tries to get out', (who) => {
  it('gets at nothing when it is confined, and at everything when it is not', async (context) => {
    if (!stage.probe.canConfine) context.skip('needs bubblewrap: apt-get install bubblewrap');
    await using account = await (who === 'root' ? openRoot() : openOther((reason) => context.skip(reason)));
    const { host, owner, taskRoot, program } = account;
    const probe = await probeHost(host);
    const workspace = await openWorkspace(host, { taskId: 'escape', taskRoot });
    await using ground = await layEscapeGround({ host, workspace, owner });
    const script = escapeProgram(ground.targets, ground.marks);
    await writeFiles(host, workspace.workdir, [{ path: 'attempts.sh', content: script }]);

    const tryAll = async (confine: 'off' | 'required'): Promise<readonly string[]> => {
      stage.play(({ step }) => (step === 0 ? { toolCalls: [runCommand('sh ./attempts.sh')] } : { text: 'done' }));
      const count = stage.model.requests.length;
      await using server = await stage.launch({
        host,
        probe,
        workspace,
        confine,
        binary: { ...stage.binary, path: program, ripgrepPath: undefined },
        config: scriptedProviderConfig(stage.model.url) as OpencodeConfig,
      });
      expect(server.isConfined).toBe(confine === 'required');
      const { id } = await server.client.createSession({ title: 'A test' });
      await takeTurn(server, id);
      expect(JSON.stringify(stage.model.requests.slice(count))).toContain('all attempts made');
      return await ground.judge(join(workspace.workdir, 'attempts'));
    };

    const free = await tryAll('off');
    const works = escapeAttempts.filter(({ worksFor }) => worksFor === undefined || worksFor === who);
    expect(works.length).toBeGreaterThanOrEqual(30);
    expect(works.map(({ name }) => name).filter((name) => !free.includes(name))).toEqual([]);
    expect(await tryAll('required')).toEqual([]);
  });
});
