/** Tables, against what the C library says about the width of characters. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { alignColumns, displayWidth, paint, wrap } from '../../src/lab/table.js';

/** Characters that tables are made of: plain, wide, of no width. */
const character = fc.constantFrom(...'aZ09 .,-:/✓✗↓…é', ...'東京経路リレーつなぎ、。「」()ABー・');
const text = fc.array(character, { maxLength: 30 }).map((characters) => characters.join(''));

/** Columns of each line, by wc of coreutils; it counts with wcwidth(3). */
function widthsOf(lines: readonly string[]): number[] {
  return lines.map((line) => {
    const { stdout } = spawnSync('wc', ['-L'], { input: line, env: { LC_ALL: 'C.UTF-8' }, encoding: 'utf8' });
    return Number(stdout);
  });
}

test('the width of a text is what the terminal gives it', () => {
  const lines = fc.sample(text, { numRuns: 100, seed: 6404 });
  expect(lines.map(displayWidth)).toEqual(widthsOf(lines));
});

test('a style takes no room', () => {
  fc.assert(fc.property(text, (cell) => displayWidth(paint(true, 'green', cell)) === displayWidth(cell)));
  expect(paint(false, 'green', 'x')).toBe('x');
});

test('every column begins at one place, whatever is in the cells, and no line ends in a space', () => {
  const rows = fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(rows, fc.boolean(), (plain, colours) => {
      const painted = plain.map((row) => row.map((cell) => paint(colours, 'red', cell)));
      const lines = alignColumns(painted);
      const starts = [0, 1, 2].map((column) =>
        plain[0].slice(0, column).reduce((at, _, i) => at + Math.max(...plain.map((row) => displayWidth(row[i]))) + 2, 0),
      );
      for (const [i, line] of lines.entries()) {
        expect(line).toBe(line.trimEnd());
        let at = 0;
        for (const [column, cell] of painted[i].entries()) {
          if (displayWidth(cell.trim()) === 0 || !line.includes(cell)) continue;
          at = line.indexOf(cell, at);
          expect(displayWidth(line.slice(0, at))).toBe(starts[column]);
          at += cell.length;
        }
      }
    }),
  );
});

test('wrapped text keeps every character in order and stays within the columns, unless one word alone does not fit', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 12, max: 40 }), (whole, columns) => {
      const lines = wrap(whole, columns);
      expect(lines.join('').replace(/\s/g, '')).toBe(whole.replace(/\s/g, ''));
      for (const line of lines) if (/\s/.test(line.trim())) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    }),
  );
  const words = fc.array(fc.constantFrom('a', 'of', 'the', 'tunnel', '経', '路'), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(words, fc.integer({ min: 6, max: 40 }), (parts, columns) => {
      const lines = wrap(parts.join(' '), columns);
      expect(lines.join(' ')).toBe(parts.join(' '));
      for (const [i, line] of lines.entries()) {
        expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        const next = lines
          .at(i + 1)
          ?.split(' ')
          .at(0);
        if (next !== undefined) expect(displayWidth(`${line} ${next}`)).toBeGreaterThan(columns);
      }
    }),
  );
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('東京と大阪には。', 8)).toEqual(['東京と大', '阪には。']);
});
