export { startScriptedModel } from './lib/scripted-model.ts';
export type { ModelScript, ScriptedModel, StartScriptedModelOptions } from './lib/scripted-model.ts';
export { SCRIPTED_MODEL, SCRIPTED_PROVIDER, scriptedLogin, scriptedProviderConfig } from './lib/scripted-model-config.ts';
export type { ScriptedProviderConfig, ScriptedProviderConfigOptions, ScriptedProviderEntry } from './lib/scripted-model-config.ts';
export type { ScriptedFailure, ScriptedHang, ScriptedMessage, ScriptedModelReply } from './lib/scripted-model-reply.ts';
export type { ScriptedModelMessage, ScriptedModelRequest, ScriptedToolCall } from './lib/scripted-model-request.ts';
export { logLines, runCommand, taskScript, writeFile } from './lib/scripted-model-task.ts';
export type { ScriptedText, TaskScriptOptions } from './lib/scripted-model-task.ts';
