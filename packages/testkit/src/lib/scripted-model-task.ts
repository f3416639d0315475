import type { ScriptedMessage } from './scripted-model-reply.ts';
import type { ScriptedModelRequest, ScriptedToolCall } from './scripted-model-request.ts';

/** A text, or how it follows from what the model was asked. */
export type ScriptedText = string | ((request: ScriptedModelRequest) => string);

/** Options of `taskScript`. */
export interface TaskScriptOptions {
  /** Files below `deliverables/`, by name. @default `report.md` with one line */
  readonly deliverables?: Readonly<Record<string, ScriptedText>>;
  /** Status lines without their keyword, written before the deliverables. @default `10% reading the task`, `60% writing` */
  readonly statuses?: readonly string[];
  /** What `DONE:` says. @default `the report is written` */
  readonly summary?: ScriptedText;
  /** The last line of the log instead of `DONE: <summary>`, such as `ERROR: no access`; empty for none. */
  readonly ending?: string;
  /** Do the work again for every prompt, not only once in a conversation. @default false */
  readonly repeats?: boolean;
}

/**
 * The canonical task: the model reports its status, writes its deliverables and ends, all by tool calls as a real one would,
 * one per request, and then says so in words. Later prompts of the same conversation get a short answer.
 *
 * It holds no state: what comes next is read from the conversation, so one script serves many sessions at once.
 */
export function taskScript(options: TaskScriptOptions = {}): (request: ScriptedModelRequest) => ScriptedMessage {
  const deliverables = options.deliverables ?? {
    'report.md': '# Report\n\nWritten by the scripted model.\n',
  };
  const statuses = options.statuses ?? ['10% reading the task', '60% writing'];

  return (request) => {
    const calls: ScriptedToolCall[] = statuses.map((status) => logLines([`STATUS: ${status}`]));
    for (const [name, content] of Object.entries(deliverables)) {
      calls.push(
        writeFile(`./deliverables/${name}`, textOf(content, request)),
        logLines([`DELIVERABLE: ./deliverables/${name}`]),
      );
    }
    const ending = options.ending ?? `DONE: ${textOf(options.summary ?? 'the report is written', request)}`;
    if (ending !== '') calls.push(logLines([ending]));

    const next = calls[callsMade(request, options.repeats === true)];
    if (next !== undefined) return { toolCalls: [next] };
    return {
      text: request.step === 0 ? 'Understood.' : 'The task is finished; everything is in the log.',
    };
  };
}

/** The tool call by which a model appends lines to `optio.log`. */
export function logLines(lines: readonly string[]): ScriptedToolCall {
  const words = lines.map(quote).join(' ');
  return {
    name: 'bash',
    arguments: {
      command: `printf '%s\\n' ${words} >> ./optio.log`,
      description: 'Report to the harness',
    },
  };
}

/** The tool call by which a model writes a file; a relative path is below the session's directory. */
export function writeFile(path: string, content: string): ScriptedToolCall {
  return { name: 'write', arguments: { filePath: path, content } };
}

/** The tool call by which a model runs a command. */
export function runCommand(command: string): ScriptedToolCall {
  return { name: 'bash', arguments: { command, description: 'Run a command' } };
}

function callsMade(request: ScriptedModelRequest, repeats: boolean): number {
  if (repeats) return request.step;
  return request.messages.filter((message) => message.toolCalls.length > 0).length;
}

function textOf(text: ScriptedText, request: ScriptedModelRequest): string {
  return typeof text === 'string' ? text : text(request);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
