// Type-checks every ```ts block of every README and page of docs/, a README's from inside the package it documents, and holds every
// ```yaml block against what `optio` takes for a task file or its configuration.
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { configSchema } from '../apps/worker/src/lib/config/config-schema.ts';
import { parseYamlFile } from '../apps/worker/src/lib/read-yaml-file.ts';
import { schemaProblems } from '../apps/worker/src/lib/schema-problems.ts';
import { taskFileSchema } from '../apps/worker/src/lib/task-file-schema.ts';
import { readBlocks } from './read-blocks.ts';

const scratch = '.readme-check';
const project = 'tsconfig.readme-check.json';
const readmes = globSync(['README.md', 'docs/*.md', '{packages,apps,examples}/*/README.md']);
const written: string[] = [];

// What shows the packages together is checked where all of them are installed; the page about the second agent, beside it.
const homeOf = (readme: string): string => {
  if (readme === 'docs/write-an-adapter.md') return 'examples/second-agent';
  return readme === 'README.md' || readme.startsWith('docs/') ? 'apps/worker' : dirname(readme);
};

for (const readme of readmes) {
  const text = readFileSync(readme, 'utf8');
  for (const block of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
    // As many blank lines as come before the block: errors then carry the README's line numbers.
    const padding = '\n'.repeat(text.slice(0, block.index).split('\n').length);
    const file = join(homeOf(readme), scratch, `${readme.replaceAll('/', '_')}.${written.length}.ts`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${padding}${block[1] ?? ''}export {};\n`);
    written.push(file);
  }
}

const yamlProblems: string[] = [];
for (const readme of readmes) {
  for (const { language, line, name, text } of readBlocks(readFileSync(readme, 'utf8'))) {
    if (language !== 'yaml') continue;
    const isConfig = name !== undefined && basename(name) === 'config.yaml';
    try {
      const file = parseYamlFile(`${readme} (block at line ${line})`, text, isConfig ? 'config' : 'task');
      // Some show a part of a task file.
      const whole = isConfig ? file.value : { task: 'x', ...(file.value as object) };
      const { error } = (isConfig ? configSchema : taskFileSchema).safeParse(whole);
      if (error !== undefined) throw file.problemsAt(schemaProblems(error.issues, () => []));
    } catch (error) {
      yamlProblems.push(error instanceof Error ? error.message : String(error));
    }
  }
}

writeFileSync(
  project,
  JSON.stringify({
    extends: './tsconfig.json',
    // A program that a reader puts beside a directory finds it there.
    compilerOptions: {
      isolatedDeclarations: false,
      noUnusedLocals: false,
      rootDirs: ['examples/second-agent', `examples/second-agent/${scratch}`],
    },
    include: [],
    files: written,
  }),
);
const { status, stdout } = spawnSync('tsc', ['-p', project], { encoding: 'utf8' });
rmSync(project);
for (const file of written) rmSync(dirname(file), { force: true, recursive: true });

process.stdout.write(
  stdout.replaceAll(/^\S*\.readme-check\/(\S+)\.\d+\.ts/gm, (_, name: string) => name.replaceAll('_', '/')),
);
console.log(`${written.length} code blocks in ${readmes.length} READMEs checked`);
for (const problem of yamlProblems) console.error(problem);
process.exitCode = yamlProblems.length > 0 ? 1 : (status ?? 1);
