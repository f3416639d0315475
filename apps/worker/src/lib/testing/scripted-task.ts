import { SCRIPTED_MODEL, SCRIPTED_PROVIDER, scriptedEnvironment } from '@optio-ts/testkit';

/** The lines of a task file that put it on a scripted model. `apiKey` as in a task file: `env:MODEL_KEY`. */
export function scriptedTaskLines(url: string, apiKey: string): string {
  return `model: { provider: ${SCRIPTED_PROVIDER}, name: ${SCRIPTED_MODEL}, baseUrl: "${url}/v1", apiKey: ${apiKey} }
env: ${JSON.stringify(scriptedEnvironment)}
`;
}
