import fc from 'fast-check';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { Lines, type Position, Positions } from '../../src/config/positions.js';
import type { KeyPath } from '../../src/config/problem.js';

/** A value as TOML may write it. */
type Value = { readonly text: string } | { readonly array: readonly Value[]; readonly gap: string } | { readonly table: readonly Value[] };

/** Scalars, among them all that looks like something else. */
const scalar = fc.constantFrom(
  '1',
  '0x1F',
  'true',
  'inf',
  '1979-05-27 07:32:00.5Z',
  '07:32:00',
  '""',
  '"a = 1, ] } # no comment"',
  '"quote \\" and \\\\"',
  "''",
  "'C:\\'",
  '"""\n[table]\nk = "v" ""\n"""',
  '"""\\"""x\\\\"""',
  '"""a"""""',
  "'''\n[[t]] ' '' \n'''",
  "'''b'''''",
  '"つなぎ🧵"',
);

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: scalar.map((text) => ({ text })) },
    {
      weight: 1,
      arbitrary: fc.record({ array: fc.array(tie('value'), { maxLength: 4 }), gap: fc.constantFrom('', ' ', '\n  ', ' # ], = {\n\t') }),
    },
    { weight: 1, arbitrary: fc.record({ table: fc.array(tie('value'), { maxLength: 3 }) }) },
  ),
}));

const line = fc.oneof(
  { weight: 4, arbitrary: fc.record({ pair: value, parts: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ header: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ element: fc.boolean(), inner: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ comment: fc.constantFrom('', '# [x]', '  ', '# k = 1 つなぎ') }) },
);

/** Writes a document and notes, as it writes, where it put each key. */
class Writer {
  text = '';
  readonly placed: { readonly path: KeyPath; readonly at: Position }[] = [];
  #line = 1;
  #column = 1;
  #names = 0;

  put(text: string): void {
    for (let i = 0; i < text.length; i++) {
      if (text[i] === '\n') {
        this.#line++;
        this.#column = 1;
      } else this.#column++;
    }
    this.text += text;
  }

  here(path: KeyPath): void {
    this.placed.push({ path, at: { line: this.#line, column: this.#column } });
  }

  /** A name that was not used before, and the ways to write it. */
  name(): { readonly key: string; readonly written: string } {
    const n = this.#names++;
    const ways = [
      { key: `k-${n}`, written: `k-${n}` },
      { key: `k.${n}`, written: `"k.${n}"` },
      { key: `k"${n}`, written: `'k"${n}'` },
      { key: `つ${n}`, written: `"\\u3064${n}"` },
    ];
    return ways[n % ways.length];
  }

  value(of: Value, path: KeyPath): void {
    if ('text' in of) {
      this.put(of.text);
    } else if ('array' in of) {
      this.put(`[${of.gap}`);
      of.array.forEach((item, i) => {
        this.here([...path, i]);
        this.value(item, [...path, i]);
        this.put(`${of.gap},${of.gap}`);
      });
      this.put(']');
    } else {
      this.put('{ ');
      of.table.forEach((item, i) => {
        if (i > 0) this.put(' , ');
        this.pair(item, 1, path);
      });
      this.put(' }');
    }
  }

  pair(of: Value, parts: number, table: KeyPath): void {
    let path = table;
    for (let i = 0; i < parts; i++) {
      const { key, written } = this.name();
      if (i > 0) this.put(' . ');
      path = [...path, key];
      this.here(path);
      this.put(written);
    }
    this.put(' = ');
    this.value(of, path);
  }
}

test('every key, table and element is found where it was written', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const writer = new Writer();
      let table: KeyPath = [];
      let elements = 0;
      let inner = 0;
      for (const of of lines) {
        if ('pair' in of) writer.pair(of.pair, of.parts, table);
        else if ('comment' in of) writer.put(of.comment);
        else if ('header' in of) {
          const names = Array.from({ length: of.header }, () => writer.name());
          table = names.map(({ key }) => key);
          writer.here(table);
          writer.put(`[ ${names.map(({ written }) => written).join(' . ')} ]`);
        } else if (of.inner && elements > 0) {
          table = ['list', elements - 1, 'inner', inner];
          writer.here(table);
          writer.put('[[list.inner]]');
          inner++;
        } else {
          table = ['list', elements];
          writer.here(table);
          writer.put('[[ list ]]');
          elements++;
          inner = 0;
        }
        writer.put('\n');
      }
      parse(writer.text);
      const positions = new Positions(writer.text);
      expect(writer.placed.map(({ path }) => ({ path, at: positions.at(path) }))).toEqual(writer.placed);
    }),
    { numRuns: 500 },
  );
});

test('a table is found inside the last element of the array around it', () => {
  const positions = new Positions('[[a]]\n[a.b]\nc = 1\n[[a]]\n [a.b]\n c = 2');
  expect([positions.at(['a', 0, 'b', 'c']), positions.at(['a', 1, 'b', 'c']), positions.at(['a', 1, 'b'])]).toEqual([
    { line: 3, column: 1 },
    { line: 6, column: 2 },
    { line: 5, column: 2 },
  ]);
});

test('what is absent is placed at the innermost table that would hold it, or at the start', () => {
  const positions = new Positions('\n[a]\nb = [1]');
  expect([positions.at(['a', 'b', 7, 'x']), positions.at(['a', 'z']), positions.at(['z'])]).toEqual([
    { line: 3, column: 1 },
    { line: 2, column: 1 },
    { line: 1, column: 1 },
  ]);
});

test('any text at all is scanned to an end', () => {
  const mess = fc.array(fc.constantFrom('[', ']', '{', '}', '"', "'", '"""', '=', '.', ',', '\n', '#', 'a', '\\', ' ', 'つ'), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(mess, (parts) => {
      const { line: found, column } = new Positions(parts.join('')).at(['a', 0, 'a']);
      expect([found >= 1, column >= 1]).toEqual([true, true]);
    }),
    { numRuns: 2000 },
  );
});

test('a mebibyte of the worst is scanned in reasonable time', () => {
  const size = 1 << 20;
  const worst = [
    `k = """${'a'.repeat(size)}"""`,
    `k = [${'1,'.repeat(size / 2)}]`,
    `${'a.'.repeat(size / 2)}a = 1`,
    `${'[[a]]\n'.repeat(size / 6)}`,
  ];
  const start = performance.now();
  for (const text of worst) expect(new Positions(text).at(['k'])).toEqual({ line: 1, column: 1 });
  expect(performance.now() - start).toBeLessThan(20_000);
});

test('lines count from 1 and end with their line feed', () => {
  const lines = new Lines('ab\n\nc');
  expect([0, 2, 3, 4, 5].map((offset) => lines.at(offset))).toEqual([
    { line: 1, column: 1 },
    { line: 1, column: 3 },
    { line: 2, column: 1 },
    { line: 3, column: 1 },
    { line: 3, column: 2 },
  ]);
});
