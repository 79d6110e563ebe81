import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { allVectors } from '../vectors/load.js';
import { document, tableRows } from './documents.js';

const ROOT = new URL('../../', import.meta.url);
const ids = (group: string, count: number) => Array.from({ length: count }, (_, i) => `${group}-${String(i + 1).padStart(2, '0')}`);
/** The groups of the requirement list that the tunnels and what is known of NATs have to meet. */
const GROUPS = [
  ['ENC', 54],
  ['SEC', 21],
  ['6TO4', 35],
  ['6CHK', 29],
  ['6RLY', 22],
  ['6RD', 22],
  ['6RDCE', 19],
  ['6RDBR', 12],
  ['ISA', 15],
  ['ISAH', 16],
  ['ISAR', 11],
  ['TRDO-AD', 13],
  ['TRDO-EN', 23],
  ['TRDO-CL', 66],
  ['TRDO-SV', 30],
  ['TRDO-RL', 18],
  ['TRDO-EX', 28],
  ['NAT', 30],
  ['NATC', 19],
] as const;
const IDS = GROUPS.flatMap(([group, count]) => ids(group, count));

const rows = tableRows(document('requirements.md')).map(([id, requirement, built, shown]) => ({ id, requirement, built, shown }));
const vectors = new Map(allVectors().map((vector) => [vector.name, vector]));
const textOf = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

/** Tests that a cell names: `file`: *name*, *name*. */
function testsIn(cell: string): { file: string; names: string[] }[] {
  return [...cell.matchAll(/`(test\/[^`]+)`((?:[:,] \*[^*]+\*)*)/g)].map(([, file, names]) => ({
    file,
    names: [...names.matchAll(/\*([^*]+)\*/g)].map(([, name]) => name),
  }));
}

const vectorsIn = (cell: string) => [...cell.matchAll(/`([a-z0-9-]+)`/g)].map(([, name]) => name);

test('every row of the groups is there once, in order, and nothing else', () => {
  expect(rows.map(({ id }) => id)).toEqual(IDS);
});

describe.each(rows)('$id', ({ id, requirement, built, shown }) => {
  test('says what is asked, where it is built and what shows it, or why it is not built or not shown', () => {
    expect(requirement).not.toBe('');
    if (shown.startsWith('Not built: ')) expect([built, shown]).toEqual(['—', expect.stringMatching(/: .*\.$/)]);
    else if (shown.startsWith('Not shown yet: '))
      expect([built, shown]).toEqual([expect.stringMatching(/`/), expect.stringMatching(/\.$/)]);
    else expect(testsIn(shown).length + vectorsIn(shown).length).toBeGreaterThan(0);
  });

  test('names files, tests and vectors that exist', () => {
    for (const [, file] of built.matchAll(/`([^`]+)`/g)) expect([file, existsSync(new URL(file, ROOT))]).toEqual([file, true]);
    for (const { file, names } of testsIn(shown)) {
      expect([file, existsSync(new URL(file, ROOT))]).toEqual([file, true]);
      for (const name of names) expect([file, name, textOf(file).includes(name)]).toEqual([file, name, true]);
    }
    // A vector that is there for another row is named with it: (6RLY-12).
    for (const name of /^Not (built|shown yet): /.test(shown) ? [] : vectorsIn(shown)) {
      const borrowed = new RegExp(`\`${name}\` \\(([A-Z0-9-]+)\\)`).exec(shown)?.[1];
      expect([name, vectors.get(name)?.rows]).toEqual([name, expect.arrayContaining([borrowed ?? id])]);
    }
  });
});

test('every row that a vector claims to show exists, and names one', () => {
  const claimed = new Set([...vectors.values()].flatMap((vector) => vector.rows ?? []));
  for (const row of claimed) {
    const shown = rows.find(({ id }) => id === row)?.shown ?? '';
    expect([row, vectorsIn(shown).length > 0]).toEqual([row, true]);
  }
});
