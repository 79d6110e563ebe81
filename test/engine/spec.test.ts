import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sameSpec } from '../../src/engine/spec.js';
import { nodeOf } from '../vectors/node.js';

const NODE = `
[node]
identity = "2001:db8:b000::1"
[[tunnel]]
type = "6to4"
role = "router"
local = "192.0.2.42"
[[tunnel.lan]]
interface = "lan0"
subnet = 1
[policy]
allow-ipv4 = ["192.0.2.0/24"]
`;

/** Values as specifications hold them: tables of names, numbers, octets, and lists of tables. */
const { table } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.nat(2),
    fc.constantFrom('', 'a'),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ minLength: 1, maxLength: 2, max: 1 }),
  ),
  list: fc.array(tie('table'), { minLength: 1, maxLength: 2 }),
  table: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof({ maxDepth: 2 }, tie('leaf'), tie('table'), tie('list')), {
    minKeys: 1,
    maxKeys: 2,
    noNullPrototype: true,
  }),
}));

test('a snapshot is the same as its copy, octets included, and as what comes out of a message to another thread', () => {
  expect(sameSpec(nodeOf(NODE), nodeOf(NODE))).toBe(true);
  expect(sameSpec(nodeOf(NODE), structuredClone(nodeOf(NODE)))).toBe(true);
});

test.each([['mtu = 1281'], ['ttl = 63'], ['relay = "none"'], ['interface-id = "windows"'], ['icmp-rate = 999']])(
  '%s makes another one',
  (line) => {
    const changed = NODE.replace('local = ', `${line}\nlocal = `);
    expect(sameSpec(nodeOf(NODE), nodeOf(changed))).toBe(false);
  },
);

test('it agrees with another comparison by value', () => {
  fc.assert(
    fc.property(table, table, (a, b) => {
      expect(sameSpec(a, structuredClone(a))).toBe(true);
      expect(sameSpec(a, b)).toBe(isDeepStrictEqual(a, b));
    }),
    { numRuns: 2000 },
  );
});
