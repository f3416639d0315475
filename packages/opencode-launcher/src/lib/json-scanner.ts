/** A value inside of a JSON text. */
export interface ScannedValue {
  /** Member names and array indexes that lead to it. */
  readonly path: readonly (string | number)[];
  readonly kind: 'object' | 'array' | 'string' | 'literal';
  /** Offset of its first byte. */
  readonly start: number;
  /** Offset after its last byte. */
  readonly end: number;
  /** Of a string no longer than `MAXIMUM_TEXT_BYTES`: what it says. */
  readonly text: string | undefined;
}

/** Reads JSON piece by piece. */
export interface JsonScanner {
  /** Takes the next bytes. Throws a `SyntaxError` at the first that cannot stand where it does. */
  write(chunk: Uint8Array): void;
  /** Throws a `SyntaxError` unless exactly one whole value has been read. */
  end(): void;
}

interface Frame {
  readonly kind: 'object' | 'array';
  readonly start: number;
  /** What leads to the value that is read next. */
  key: string | number;
}

const MAXIMUM_TEXT_BYTES = 1024;
const MAXIMUM_DEPTH = 512;
const LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/**
 * Creates a scanner that checks that a JSON text is whole and well-formed, and reports where values lie that are at most
 * `depth` members deep, each once it has ended. It holds nothing of the text, so its size does not matter.
 */
export function createJsonScanner(depth: number, onValue: (value: ScannedValue) => void): JsonScanner {
  const frames: Frame[] = [];
  let expected: 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'nothing' = 'value';
  let reading: 'structure' | 'string' | 'literal' = 'structure';
  let isEscaped = false;
  let start = 0;
  let offset = 0;
  let bytes: number[] = [];

  function fail(what: string): never {
    throw new SyntaxError(`${what} at byte ${offset}`);
  }

  function report(kind: ScannedValue['kind'], from: number, text?: string): void {
    if (frames.length <= depth)
      onValue({ path: frames.map((frame) => frame.key), kind, start: from, end: offset + 1, text });
  }

  function afterValue(): void {
    expected = frames.length === 0 ? 'nothing' : 'comma-or-end';
  }

  function open(kind: Frame['kind']): void {
    if (expected !== 'value' && expected !== 'value-or-end') fail('Unexpected opening bracket');
    if (frames.length >= MAXIMUM_DEPTH) fail('Nested too deeply');
    frames.push({ kind, start: offset, key: kind === 'array' ? 0 : '' });
    expected = kind === 'array' ? 'value-or-end' : 'key-or-end';
  }

  function close(kind: Frame['kind']): void {
    const frame = frames.at(-1);
    const mayEnd = expected === 'comma-or-end' || expected === (kind === 'array' ? 'value-or-end' : 'key-or-end');
    if (frame?.kind !== kind || !mayEnd) fail('Unexpected closing bracket');
    frames.pop();
    report(kind, frame.start);
    afterValue();
  }

  function comma(): void {
    const frame = frames.at(-1);
    if (expected !== 'comma-or-end' || frame === undefined) fail('Unexpected comma');
    if (typeof frame.key === 'number') frame.key += 1;
    expected = frame.kind === 'array' ? 'value' : 'key';
  }

  function beginScalar(kind: 'string' | 'literal'): void {
    const isKey = expected === 'key' || expected === 'key-or-end';
    if (!(isKey && kind === 'string') && expected !== 'value' && expected !== 'value-or-end') fail('Unexpected value');
    reading = kind;
    start = offset;
    bytes = [];
  }

  function endString(): void {
    reading = 'structure';
    const isWanted = frames.length <= depth && bytes.length < MAXIMUM_TEXT_BYTES;
    const text = isWanted ? (JSON.parse(`"${Buffer.from(bytes).toString('utf8')}"`) as string) : undefined;
    const frame = frames.at(-1);
    if (frame?.kind === 'object' && (expected === 'key' || expected === 'key-or-end')) {
      frame.key = text ?? '';
      expected = 'colon';
      return;
    }
    report('string', start, text);
    afterValue();
  }

  /** A literal ends where something else begins; that byte is read again. */
  function endLiteral(): void {
    reading = 'structure';
    if (!LITERAL.test(Buffer.from(bytes).toString('latin1'))) fail('Not a JSON literal');
    offset -= 1;
    report('literal', start);
    offset += 1;
    afterValue();
  }

  function structure(byte: number): void {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return;
    if (byte === 0x22) beginScalar('string');
    else if (byte === 0x7b) open('object');
    else if (byte === 0x7d) close('object');
    else if (byte === 0x5b) open('array');
    else if (byte === 0x5d) close('array');
    else if (byte === 0x2c) comma();
    else if (byte === 0x3a) {
      if (expected !== 'colon') fail('Unexpected colon');
      expected = 'value';
    } else {
      beginScalar('literal');
      bytes.push(byte);
    }
  }

  function insideString(byte: number): void {
    if (byte < 0x20) fail('A control character in a string');
    if (isEscaped) isEscaped = false;
    else if (byte === 0x5c) isEscaped = true;
    else if (byte === 0x22) return endString();
    if (frames.length <= depth && bytes.length < MAXIMUM_TEXT_BYTES) bytes.push(byte);
  }

  function insideLiteral(byte: number): void {
    if (/[\w.+-]/.test(String.fromCharCode(byte))) {
      if (bytes.length > 64) fail('A literal that is too long');
      bytes.push(byte);
      return;
    }
    endLiteral();
    structure(byte);
  }

  return {
    write(chunk) {
      for (const byte of chunk) {
        if (reading === 'string') insideString(byte);
        else if (reading === 'literal') insideLiteral(byte);
        else structure(byte);
        offset += 1;
      }
    },
    end() {
      if (reading === 'literal') endLiteral();
      if (expected !== 'nothing') fail('The text ends too early');
    },
  };
}
