import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from 'yaml';
import type { Document, ErrorCode } from 'yaml';

/** Where in a document a value is: field names and positions in lists, from the outside in. */
export type FieldPath = readonly (string | number)[];

/** Something that keeps a text from being YAML that we read. */
interface YamlProblem {
  /** 1 for the first line. */
  readonly line: number;
  /** Dotted; empty when no field can be named. */
  readonly field: string;
  readonly message: string;
}

/** A YAML text together with the places of its fields. */
export interface YamlSource {
  /** Plain data, as JSON has it; `undefined` where there are problems. */
  readonly value: unknown;
  /** Empty when the text can be read. */
  readonly problems: readonly YamlProblem[];
  /** The line of a field's name, of the nearest field around it when there is no such field, or 1. */
  lineOf(path: FieldPath): number;
}

// Said in our own words: the parser's quote from the text, which may be where somebody wrote a key.
const SENTENCES: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'an alias (`*name`) has no name; quote the text if it begins with an asterisk',
  BAD_DQ_ESCAPE:
    'a double-quoted text has an escape sequence that YAML does not know; use single quotes, or \\\\ for a backslash',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket is not closed',
  BAD_SCALAR_START: 'a text begins with a character that YAML keeps for itself; put the text in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second `name:` on one line; put the text after the first one in quotes',
  BLOCK_IN_FLOW: 'a block inside brackets; write the whole value in brackets, or none of it',
  DUPLICATE_KEY: 'is given twice; keep one',
  MISSING_CHAR: 'a character is missing: a closing quote or bracket, or the space after a colon or comma',
  MULTILINE_IMPLICIT_KEY: 'this line is no `name: value`; a text of several lines begins with `name: |`',
  MULTIPLE_DOCS: 'a second document (`---`) begins here; the file holds one',
  NON_STRING_KEY: 'a field has a list or a map for its name',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply',
  TAB_AS_INDENT: 'a tab in the indentation; use spaces',
  TAG_RESOLVE_FAILED: 'tags (`!name`) are not used here; quote the text if it begins with `!`',
  UNEXPECTED_TOKEN: 'a character stands where YAML expects another; put the text in quotes',
};

/** Reads a text that must be one YAML document of plain data. */
export function readYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    // 'silent' would also overlook a second document.
    logLevel: 'error',
    prettyErrors: false,
    stringKeys: true,
  });
  const lineAt = (offset: number): number => lines.linePos(offset).line || 1;

  const problems: YamlProblem[] = [...document.errors, ...document.warnings].map((error) => ({
    line: lineAt(error.pos[0]),
    field: error.code === 'DUPLICATE_KEY' ? plainNameAt(text, error.pos[0]) : '',
    message: SENTENCES[error.code] ?? 'this line is not YAML; put the text in quotes',
  }));
  visit(document, {
    Alias(_, node) {
      if (node.resolve(document) !== undefined) return;
      problems.push({
        line: lineAt(node.range?.[0] ?? 0),
        field: '',
        message: 'an alias names no anchor above it; quote the text if it begins with an asterisk',
      });
    },
  });

  return {
    value: problems.length === 0 ? toPlainData(document, problems) : undefined,
    problems,
    lineOf: (path) => lineAt(offsetOf(document, path)),
  };
}

function toPlainData(document: Document, problems: YamlProblem[]): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch {
    // The parser's own guard against documents that grow out of all proportion; it names no place.
    problems.push({ line: 1, field: '', message: 'its aliases unfold into too much data' });
    return undefined;
  }
}

function offsetOf(document: Document, path: FieldPath): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === segment);
      if (pair === undefined || !isScalar(pair.key)) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof segment === 'number') {
      node = node.items[segment];
      if (!isScalar(node) && !isMap(node) && !isSeq(node)) return offset;
      offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function plainNameAt(text: string, offset: number): string {
  return /^[A-Za-z_][\w-]{0,40}(?=\s*:)/.exec(text.slice(offset, offset + 60))?.[0] ?? '';
}
