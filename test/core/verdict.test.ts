import { expect, test } from 'vitest';
import { DROPS, Drop } from '../../src/core/drop.js';
import { isDrop, Verdict, verdictName } from '../../src/core/verdict.js';

test('a drop reason is a verdict already, and no other verdict is a drop', () => {
  for (const { code, name } of DROPS) expect([name, isDrop(Verdict.drop | code), verdictName(code)]).toEqual([name, true, 'drop']);
  expect([Verdict.forward, Verdict.hold, Verdict.consumed].map(isDrop)).toEqual([false, false, false]);
});

test('verdicts are called what the contract calls them, with "no objection" in their low octet or anything else', () => {
  for (const low of [Drop.none, 0x7f, 0xff]) {
    expect([Verdict.drop | low, Verdict.forward | low, Verdict.hold | low, Verdict.consumed | low].map(verdictName)).toEqual([
      'drop',
      'forward',
      'hold',
      'consumed',
    ]);
  }
});
