// Whatever a published package exports is documented where it is declared.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const RE_EXPORT = /^export (?:type )?\{([^}]*)\} from '(\.[^']+)';/gm;
const undocumented: string[] = [];
let count = 0;

for (const index of globSync('packages/*/src/*.ts')) {
  if (index.startsWith('packages/testkit/') || index.endsWith('.test.ts')) continue;
  for (const [, names = '', from = ''] of readFileSync(index, 'utf8').matchAll(RE_EXPORT)) {
    const file = join(dirname(index), from);
    const source = readFileSync(file, 'utf8');
    for (const entry of names.split(',')) {
      const [name = ''] = entry
        .trim()
        .replace(/^type /, '')
        .split(' as ');
      if (name === '') continue;
      count += 1;
      const declaration = new RegExp(
        `^export (?:abstract |async )?(?:function\\*?|class|interface|type|const|enum) ${name}\\b`,
        'm',
      );
      const at = declaration.exec(source)?.index ?? 0;
      if (!source.slice(0, at).trimEnd().endsWith('*/')) undocumented.push(`${file}: ${name}`);
    }
  }
}

for (const place of undocumented) console.error(`${place} is exported and has no comment (TSDoc) above it`);
console.log(`${count} exports have their TSDoc looked for, ${undocumented.length} have none`);
process.exitCode = undocumented.length === 0 ? 0 : 1;
