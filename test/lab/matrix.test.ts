/** First contacts through NATs, by clients whose abilities are known: Miredo's, without RFC 6081. */
import { expect, test } from 'vitest';
import { contactData, isRight, makeContacts, matrixLines } from '../../src/lab/matrix.js';
import { teredoInternet } from '../../src/topology/teredo.js';
import type { TopologyMatrix } from '../../src/topology/topology.js';
import { withoutLabs } from './command-line.js';
import { withoutMiredo } from './miredo.js';
import { TeredoNetwork } from './teredo-network.js';

const reason = withoutLabs() ?? withoutMiredo();
const { matrix } = teredoInternet;

test('of 16 pairs of NATs, 13 can meet: none of a symmetric one with one that filters by port', () => {
  const pairs = [
    ['tabata', 'nippori'],
    ['mejiro', 'sugamo'],
    ['mejiro', 'nippori'],
  ];
  expect(matrix.impossible).toEqual(pairs);
  expect([matrix.from.length, matrix.to.length]).toEqual([4, 4 + 1]);
});

test('Miredo connects 11 of the 16, and everybody with the web', async (ctx) => {
  if (reason !== null) ctx.skip(reason);
  const network = await TeredoNetwork.up({ server: 'miredo', relay: 'miredo', client: () => 'miredo' });
  try {
    const contacts = await makeContacts(network, matrix);
    const met = contacts.map(({ milliseconds }) => (milliseconds === null ? '-' : '+')).join('');
    expect(met.match(/.{5}/g)).toEqual(['+++++', '+++++', '+++-+', '----+']);
    expect(contacts.filter((contact) => !isRight(contact)).map(({ from, to }) => [from, to])).toEqual([
      ['mejiro', 'osaki'],
      ['mejiro', 'gotanda'],
    ]);
    for (const { milliseconds } of contacts) expect(milliseconds ?? 0).toBeLessThan(1000);
  } finally {
    await network.down();
  }
});

test('a matrix is read by people in their language, and by programs', () => {
  const small: TopologyMatrix = {
    title: { en: 'who meets', ja: '接続' },
    from: [{ node: 'a', title: { en: 'cone', ja: 'コーン' } }],
    to: ['b', 'c', 'd'].map((node) => ({ node, title: { en: node, ja: node } })),
    impossible: [['a', 'c']],
  };
  const contact = { from: 'a', isPossible: true, complaints: [] };
  const contacts = [
    { ...contact, to: 'b', milliseconds: 3.14 },
    { ...contact, to: 'c', milliseconds: null, isPossible: false },
    { ...contact, to: 'd', milliseconds: null, complaints: ['::1: Destination unreachable'] },
  ];
  const lines = matrixLines(small, contacts, { language: 'en', colours: false });
  expect(lines.slice(0, 3)).toEqual(['who meets', '      b    c  d', 'cone  3.1  -  ✗ -']);
  expect(lines[3]).toMatch(/^✗ 1\/3 meet; 1 cannot/);
  expect(matrixLines(small, contacts.slice(0, 2), { language: 'ja', colours: false })[3]).toMatch(/^✓ 1\/2 組が接続。1 組は不可能/);
  expect(contactData(contacts)[2]).toEqual({
    from: 'a',
    to: 'd',
    possible: true,
    firstReplyMilliseconds: null,
    complaints: ['::1: Destination unreachable'],
    works: false,
  });
});
