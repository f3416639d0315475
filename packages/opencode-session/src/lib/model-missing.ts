import { OpencodeSessionError } from './errors.ts';

/** The error for an agent that is to start on its own while nobody says which model answers. */
export function modelMissing(taskId: string): OpencodeSessionError {
  return new OpencodeSessionError(
    'MODEL_MISSING',
    `Task ${taskId} is to start on its own and nobody says which model answers: name one as model, in config or homeConfig, or start from a seed that has one`,
  );
}
