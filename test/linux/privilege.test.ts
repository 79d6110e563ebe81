import { expect, test } from 'vitest';
import { missingCapabilities } from '../../src/linux/privilege.js';

const status = (effective: string): string => `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${effective}\nCapBnd:\t000001ffffffffff\n`;

test.each([
  ['all of them', '000001ffffffffff', null],
  ['CAP_NET_ADMIN and CAP_NET_RAW alone', '0000000000003000', null],
  ['no CAP_NET_RAW', '0000000000001000', 'CAP_NET_RAW'],
  ['no CAP_NET_ADMIN', '0000000000002000', 'CAP_NET_ADMIN'],
  ['every capability but the two', '000001ffffffcfff', 'CAP_NET_ADMIN and CAP_NET_RAW'],
  ['none', '0000000000000000', 'CAP_NET_ADMIN and CAP_NET_RAW'],
])('a process with %s lacks what it lacks', (_, effective, missing) => {
  const found = missingCapabilities(status(effective));
  expect(found?.missing ?? null).toBe(missing);
  if (missing !== null) expect(found?.remedy).toContain(missing);
});

test('of a status without capabilities, the worst is believed', () => {
  expect(missingCapabilities('Name:\tnode\n')?.missing).toBe('CAP_NET_ADMIN and CAP_NET_RAW');
});
