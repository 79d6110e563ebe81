import { expect, test } from 'vitest';
import { DROPS } from '../../src/core/drop.js';
import { document, tableRows } from './documents.js';

test('docs/drops.md lists exactly the drop reasons that exist, in their order, with their meaning and source', () => {
  const rows = tableRows(document('drops.md'));
  expect(rows.map(([name, meaning, rfc]) => ({ name, meaning, rfc }))).toEqual(
    DROPS.map(({ name, meaning, rfc }) => ({ name, meaning, rfc })),
  );
});

test('docs/drops.md tells of each reason when it rises', () => {
  for (const [name, , , when] of tableRows(document('drops.md')))
    expect([name, when]).toEqual([name, expect.stringMatching(/^[A-Z].+\.$/)]);
});
