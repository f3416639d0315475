import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { isAlive, processesWith, until } from '../../test/processes.ts';
import { confineCommand } from './confine.ts';
import type { ConfineOptions } from './confine.ts';
import { followLines } from './follow-lines.ts';
import type { Command, Host, RunResult } from './host.ts';
import { createLocalHost } from './local-host.ts';
import { probeHost } from './probe.ts';
import { startSupervised } from './supervised.ts';

const nobody = 65_534;
let base: string;
let task: string;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'optio confine-')));
  task = join(base, 'tasks', 'one');
  for (const name of ['workdir', 'control']) mkdirSync(join(task, name), { recursive: true });
  mkdirSync(join(base, 'tasks', 'two'));
  mkdirSync(join(base, 'granted'));
  writeFileSync(join(task, 'control', 'secret'), 'secret');
  writeFileSync(join(base, 'tasks', 'two', 'secret'), 'secret');
  writeFileSync(join(base, 'granted', 'file'), 'granted');
});

afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

/** As this user, and as another one where this user may become another. */
const users: readonly { readonly name: string; readonly as: Command; readonly missing: string | undefined }[] = [
  { name: 'this user', as: [], missing: undefined },
  {
    name: 'another user',
    as: ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'],
    missing: process.getuid?.() === 0 ? undefined : 'needs root: run the tests as root',
  },
];

describe.each(users)('confineCommand as $name', ({ as, missing }) => {
  let host: Host;

  const run = (script: string, options: Partial<ConfineOptions> = {}): Promise<RunResult> => {
    const confined = confineCommand(['sh', '-c', script], {
      taskDirectory: task,
      cwd: join(task, 'workdir'),
      hidden: [join(task, 'control')],
      ...options,
    });
    return host.run([...as, ...confined], { env: { SECRET: 'in the environment' }, cwd: '/' });
  };
  const output = async (script: string, options?: Partial<ConfineOptions>): Promise<string> => {
    const result = await run(script, options);
    expect(result.stderr.toString()).toBe('');
    return result.stdout.toString().trim();
  };

  beforeEach(async (context) => {
    if (missing !== undefined) context.skip(missing);
    host = createLocalHost();
    const { canConfine } = await probeHost(host);
    if (!canConfine) context.skip('needs bubblewrap and user namespaces: apt-get install bubblewrap');
    if (as.length > 0) {
      chmodSync(base, 0o755);
      for (const path of [task, join(task, 'workdir'), join(task, 'control'), join(base, 'granted')]) {
        chownSync(path, nobody, nobody);
      }
    }
    return () => host[Symbol.asyncDispose]();
  });

  it('runs, writes in its task directory, and passes its exit code on', async () => {
    expect(await output('pwd; echo written >file; cat file')).toBe(`${task}/workdir\nwritten`);
    expect(readFileSync(join(task, 'workdir', 'file'), 'utf8')).toBe('written\n');
    expect((await run('exit 7')).exitCode).toBe(7);
    expect((await run('kill -TERM $$')).exitCode).toBe(143);
  });

  it('inherits the environment, and no value of it is in an argv', async () => {
    expect(
      await output('echo "$SECRET"; cat /proc/*/cmdline | tr "\\0" " " | grep -c "in the environmen[t]" || true'),
    ).toBe('in the environment\n0');
  });

  it('sees nothing of the machine but system directories and what is granted', async () => {
    const paths = [
      `${task}/control/secret`,
      `${base}/tasks/two/secret`,
      `${base}/granted/file`,
      `${homedir()}/.profile`,
      '/etc/shadow',
      '/etc/ssl/private',
      '/etc/ssh',
      '/run',
      '/var',
      '/root/.ssh',
      '/sys/kernel',
      '/boot',
      `/proc/${process.pid}`,
      '/proc/1/root/etc/shadow',
      '/dev/vda',
      '/dev/sda',
      '/dev/kmsg',
    ];
    const script = paths.map((path) => `[ ! -e '${path}' ] || echo '${path}'`).join('; ');
    expect(await output(script)).toBe('');
    expect(await output('ls /home /root /tmp')).not.toMatch(/ssh|cache|optio-shells/);
    expect(Number(await output('ls -d /proc/[0-9]* | wc -l'))).toBeLessThan(8);
    expect(await output('cat "$1/granted/file" 2>/dev/null || echo no')).toBe('no');
  });

  it('writes nowhere else', async () => {
    const script = `
      for path in / /usr /usr/bin /bin /etc /etc/passwd /lib /proc/sys/kernel/hostname /proc/sys/kernel/core_pattern \\
        /proc/sysrq-trigger '${task}/control'; do
        if [ -d "$path" ]; then target=$path/optio-probe; else target=$path; fi
        if ( : >>"$target" ) 2>/dev/null; then echo "$target"; fi
      done`;
    expect(await output(script)).toBe('');
    expect(existsSync('/usr/optio-probe')).toBe(false);
    // In memory, below the /tmp it sees.
    await output(`echo x >'${base}/tasks/new'; echo x >/tmp/optio-probe`);
    expect(existsSync(join(base, 'tasks', 'new')) || existsSync('/tmp/optio-probe')).toBe(false);
    // All that root could write in /proc without a capability, but for what belongs to its own processes.
    const writable = "find /proc -maxdepth 4 -path '/proc/[0-9]*' -prune -o -type f -perm -200 -print 2>/dev/null";
    const check = `for f in $(${writable}); do ( : >>"$f" ) 2>/dev/null && echo "$f"; done; true`;
    expect(await output(check)).toBe('');
  });

  it('has no capabilities and cannot gain any', async () => {
    expect(await output('grep -E "^(CapEff|CapPrm|NoNewPrivs)" /proc/self/status | tr -s "\\t\\n" "  "')).toBe(
      'CapPrm: 0000000000000000 CapEff: 0000000000000000 NoNewPrivs: 1',
    );
    expect((await run('mount -t tmpfs none /tmp || mknod disk b 254 0 || umount /etc/passwd')).exitCode).not.toBe(0);
  });

  it('resolves users and names, and reaches this machine', async () => {
    expect(
      await output('id -un; getent hosts localhost >/dev/null && echo resolved; [ -r /etc/resolv.conf ] && echo dns'),
    ).toBe(`${as.length > 0 ? 'nobody' : execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()}\nresolved\ndns`);
  });

  it('sees what is granted, read-only or not', async () => {
    const granted = join(base, 'granted');
    const script = `cat '${granted}/file'; ( echo more >>'${granted}/new' ) 2>/dev/null && echo written; true`;
    expect(await output(script, { readOnly: [granted] })).toBe('granted');
    expect(await output(script, { readWrite: [granted] })).toBe('grantedwritten');
    expect((await run('true', { readOnly: [join(base, 'no such directory')] })).exitCode).not.toBe(0);
  });

  it('takes all it started with it', async () => {
    if (as.length > 0) {
      chownSync(base, nobody, nobody);
      chmodSync(base, 0o755);
    }
    const supervised = await startSupervised(host, {
      directory: base,
      command: [
        ...as,
        ...confineCommand(
          ['sh', '-c', 'env -i setsid sleep 1000 & (env -i setsid sleep 1000 &); echo ready; sleep 1000'],
          {
            taskDirectory: task,
          },
        ),
      ],
    });
    for await (const { line } of followLines(supervised.output, { pollMs: 20 })) if (line === 'ready') break;
    await supervised.stop({ graceMs: 500 });
    await supervised.exited;
    expect(isAlive(supervised.pid)).toBe(false);
    await until(() => processesWith(`OPTIO_RUN_ID=${supervised.runId}`).length === 0, 'its processes');
  });
});
