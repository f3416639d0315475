// Type-checks every ```ts block of every README and page of docs/, a README's from inside the package it documents.
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

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

writeFileSync(
  project,
  JSON.stringify({
    extends: './tsconfig.json',
    compilerOptions: { isolatedDeclarations: false, noUnusedLocals: false },
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
process.exitCode = status ?? 1;
