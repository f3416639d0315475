import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * - `exchange`: the two change places in one step (renameat2), so that there is always something of that name.
 * - `rename`: one after the other, so that for a moment there is nothing.
 */
export type SwapMode = 'exchange' | 'rename';

// The number of renameat2 differs by architecture; glibc's name for it is not within reach of a script.
const program = String.raw`
my ($mode, $one, $two) = @ARGV;
my $number = {x64 => 316, arm64 => 276}->{$ENV{ARCHITECTURE}};
$| = 1;
print "ready\n";
while (getppid() == $ENV{PARENT}) {
  for (1 .. 1000) {
    if ($mode eq 'exchange') { syscall($number, -100, $one, -100, $two, 2) }
    else { rename $one, "$one.away"; rename $two, $one; select undef, undef, undef, 0.00002; rename $one, $two; rename "$one.away", $one }
    select undef, undef, undef, rand(0.0005) if $_ % 7 == 0;
  }
}
`;

/** Lets two names change places as fast as it goes, in a process of its own, until it is disposed. */
export async function startSwapping(mode: SwapMode, one: string, two: string): Promise<AsyncDisposable> {
  const child = spawn('perl', ['-e', program, mode, one, two], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ARCHITECTURE: process.arch, PARENT: String(process.pid) },
  });
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), exited]);
  if (child.exitCode !== null) throw new Error('The attacker does not run');
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
