import { SHELL_SCRIPTS, SHELLS } from '../completion/shell-scripts.ts';
import { WorkerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { CommandContext } from './context.ts';

/** `optio completion <shell>`: what the shell has to read for completion. */
export async function completionCommand(
  [name = '']: readonly string[],
  _options: object,
  { stdout }: CommandContext,
): Promise<number> {
  const shell = SHELLS.find((known) => known === name);
  if (shell === undefined) {
    throw new WorkerError(
      'REFUSED',
      `there is no completion for ${JSON.stringify(name)}; there is for ${SHELLS.join(', ')}`,
    );
  }
  stdout.write(SHELL_SCRIPTS[shell]);
  return EXIT_CODES.done;
}
