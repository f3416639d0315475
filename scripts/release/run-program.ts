import { execFile } from 'node:child_process';

/** Where a program runs. */
export interface RunProgramOptions {
  readonly cwd: string;
  /** All that it sees of an environment. */
  readonly env: NodeJS.ProcessEnv;
  /** @default 120_000 */
  readonly timeoutMs?: number;
}

/** Runs a program to its end and returns what it printed; an error says all that it said. */
export function runProgram(
  program: string,
  programArguments: readonly string[],
  { cwd, env, timeoutMs = 120_000 }: RunProgramOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(program, programArguments, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${programArguments.join(' ')}: ${error.message}\n${stdout}\n${stderr}`));
    });
    child.stdin?.end();
  });
}
