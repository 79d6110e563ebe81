/** Which pairs of NATs Teredo gets through: RFC 6081 section 3, figure 1. */
import { describe, expect, test } from 'vitest';
import type { NatKind } from '../../src/core/nat.js';
import { FIGURE_1, type Home, KINDS, type Kind, TeredoWorld } from './teredo-world.js';

const REACHED = [1, 1, 0];
const GIVEN_UP = [0, 0, 1];
const NAMES = Object.keys(KINDS) as Kind[];
const isOpen = (kind: Kind): boolean => KINDS[kind].filtering !== 'address-and-port-dependent';

/** One echo from `a` to `b`: what reached `b`, what was answered, and what was given up. */
function contact(world: TeredoWorld, a: Home, b: Home): readonly [delivered: number, answered: number, undeliverable: number] {
  world.settle();
  a.ping(b.address);
  world.run(world.now + 20_000);
  return [b.delivered.length, a.delivered.filter((packet) => packet[40] === 129).length, a.undeliverable.length];
}

describe.each(NAMES)('a client behind a %s NAT begins', (first) => {
  test.each(NAMES.map((second, i) => [second, FIGURE_1[first][i]] as const))('with one behind a %s NAT: %s', (second, connects) => {
    const world = new TeredoWorld(7);
    const a = world.home('a', first);
    const b = world.home('b', second);
    expect(contact(world, a, b)).toEqual(connects ? REACHED : GIVEN_UP);
  });
});

/** A mapping for each remote address, RFC 4787 section 4.1: the server's is of no use to a peer. Figure 1 has it reach cones only; nonces do more. */
const ADDRESS_SYMMETRIC: NatKind = { mapping: 'address-dependent', filtering: 'address-and-port-dependent', ports: 'random' };

describe('a client behind a NAT with a mapping for each address', () => {
  test.each(NAMES)('and one behind a %s NAT', (other) => {
    const expected = isOpen(other) ? REACHED : GIVEN_UP;
    const [one, two] = [new TeredoWorld(7), new TeredoWorld(7)];
    expect(contact(one, one.home('a', ADDRESS_SYMMETRIC), one.home('b', other))).toEqual(expected);
    expect(contact(two, two.home('b', other), two.home('a', ADDRESS_SYMMETRIC))).toEqual(expected);
  });

  test('and one behind its like', () => {
    const world = new TeredoWorld(7);
    expect(contact(world, world.home('a', ADDRESS_SYMMETRIC), world.home('b', ADDRESS_SYMMETRIC))).toEqual(GIVEN_UP);
  });
});

/**
 * NATs that lead what comes to the service port to the client. Figure 1 has it that a port restricted one is then reached
 * from, and reaches, no other symmetric NAT than one that does so too; but it lets everybody in, so it is, and does.
 */
const LEADING = ['port-restricted', 'random symmetric'] as const satisfies readonly Kind[];
describe.each(LEADING)('a client to which a %s NAT leads its port', (leading) => {
  test.each(NAMES)('and one behind a %s NAT', (other) => {
    const expected = leading === 'port-restricted' || isOpen(other) ? REACHED : GIVEN_UP;
    const [one, two] = [new TeredoWorld(7), new TeredoWorld(7)];
    expect(contact(one, one.led('a', leading), one.home('b', other))).toEqual(expected);
    expect(contact(two, two.home('b', other), two.led('a', leading))).toEqual(expected);
  });

  test('and one behind a NAT with a mapping for each address', () => {
    const expected = leading === 'port-restricted' ? REACHED : GIVEN_UP;
    const [one, two] = [new TeredoWorld(7), new TeredoWorld(7)];
    expect(contact(one, one.led('a', leading), one.home('b', ADDRESS_SYMMETRIC))).toEqual(expected);
    expect(contact(two, two.home('b', ADDRESS_SYMMETRIC), two.led('a', leading))).toEqual(expected);
  });

  test.each(LEADING)('and one to which a %s NAT does', (other) => {
    const world = new TeredoWorld(7);
    expect(contact(world, world.led('a', leading), world.led('b', other))).toEqual(REACHED);
  });
});
