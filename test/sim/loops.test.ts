/** The routing loops of RFC 6324, sent into networks in memory: each packet dies within one pass. */
import { describe, expect, test } from 'vitest';
import { Direction, packets } from '../../src/core/counters.js';
import { parseAddress } from '../../src/sim/address.js';
import { echoRequest } from '../../src/sim/echo.js';
import { World } from '../../src/sim/world.js';
import { ENDLESS_LOOP, type Ends, LOOPS, type Loop, PLACES } from '../../src/topology/loops.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { u32 } from '../../src/wire/octets.js';
import { resolve } from './resolve.js';
import { dropped, toHex } from './worlds.js';

const HOP_LIMIT = 64;
/** Longer than a packet could go round. */
const LONG = 10_000;

/** A packet between these ends. What is behind its headers tells it from everything else. */
function packet({ source, destination }: Ends): Uint8Array {
  return echoRequest(parseAddress(source), parseAddress(destination), HOP_LIMIT, 0x6324, 1, 16);
}

/** The same, tunnelled from one IPv4 address to another. */
function tunnelled(inner: Uint8Array, source: string, destination: string): Uint8Array {
  const outer = new Uint8Array(IPV4_LEN + inner.length);
  outer.set(inner, IPV4_LEN);
  writeIpv4(outer, 0, outer.length, 0, 0, HOP_LIMIT, Protocol.ipv6, u32(parseAddress(source), 0), u32(parseAddress(destination), 0));
  return outer;
}

/** A network of an attack, at rest. */
function worldOf({ topology }: Loop): World {
  const world = new World(topology, { resolve });
  world.run(LONG);
  return world;
}

/** How often a packet of ours crossed a link, itself: errors may quote it. */
function crossings(world: World, loop: Loop, link: string): number {
  const sent = packet(loop.packet);
  const mark = toHex(sent.subarray(44));
  return world
    .link(link)
    .packets()
    .filter((b) => b.length <= sent.length + IPV4_LEN && toHex(b).endsWith(mark)).length;
}

/** What a router has dropped, whichever way. */
function losses(world: World, router: string): object {
  return { ...dropped(world, router, 'encapsulate'), ...dropped(world, router, 'decapsulate') };
}

const OTHER = { r1: 'r2', r2: 'r1' } as const;

describe.each(LOOPS.map((loop) => [loop.topology.name, loop] as const))('%s', (_, loop) => {
  test('by IPv6 it crosses each link once at most, and dies as a loop', () => {
    const world = worldOf(loop);
    const at = loop.diesAt.fromIpv6;
    if (at === null) throw new Error('nobody looks');
    const before = losses(world, OTHER[at]);
    world.probe('ipv6').send(packet(loop.packet), parseAddress(PLACES.r2.ipv6));
    world.advance(LONG);
    expect([losses(world, at), losses(world, OTHER[at])]).toMatchObject([{ loop: 1 }, before]);
    expect([crossings(world, loop, 'ipv6'), crossings(world, loop, 'ipv4')]).toEqual([1, at === 'r2' ? 0 : 1]);
    expect(losses(world, OTHER[at])).not.toHaveProperty('loop');
    expect(world.unaccounted()).toBe(0);
  });

  test('by IPv4, in the name of the other router, it crosses each link once at most, and dies as a loop', () => {
    const world = worldOf(loop);
    const at = loop.diesAt.fromIpv4;
    if (at === null) throw new Error('nobody looks');
    world.probe('ipv4').send(tunnelled(packet(loop.packet), PLACES.r2.ipv4, PLACES.r1.ipv4), parseAddress(PLACES.r1.ipv4));
    world.advance(LONG);
    expect(losses(world, at)).toMatchObject({ loop: 1 });
    expect(losses(world, OTHER[at])).not.toHaveProperty('loop');
    expect([crossings(world, loop, 'ipv4'), crossings(world, loop, 'ipv6')]).toEqual([1, at === 'r1' ? 0 : 1]);
    expect(world.unaccounted()).toBe(0);
  });

  test('what has a Teredo address of the router dies there, either way', () => {
    const world = worldOf(loop);
    const { intoR1, intoR2 } = loop.teredo;
    world.probe('ipv4').send(tunnelled(packet(intoR1), PLACES.attacker.ipv4, PLACES.r1.ipv4), parseAddress(PLACES.r1.ipv4));
    world.probe('ipv6').send(packet(intoR2), parseAddress(PLACES.r2.ipv6));
    world.advance(LONG);
    expect([dropped(world, 'r1', 'decapsulate'), dropped(world, 'r2', 'encapsulate')]).toMatchObject([{ loop: 1 }, { loop: 1 }]);
    // Each was sent, by one link, and was on no other.
    expect([crossings(world, loop, 'ipv4'), crossings(world, loop, 'ipv6')]).toEqual([1, 1]);
  });

  test('what is like it, but carries the address of another, is none', () => {
    const world = worldOf(loop);
    const { destination } = loop.teredo.intoR2;
    world.probe('ipv6').send(packet({ source: PLACES.attacker.ipv6, destination }), parseAddress(PLACES.r2.ipv6));
    world.advance(LONG);
    expect(dropped(world, 'r2', 'encapsulate')).not.toHaveProperty('loop');
    expect(crossings(world, loop, 'ipv4')).toBe(1);
  });
});

test('two 6rd domains that do not know each other cannot see it: it goes round until its hop limit ends (RFC 6324 section 4 item 5)', () => {
  const world = worldOf(ENDLESS_LOOP);
  expect(ENDLESS_LOOP.diesAt).toEqual({ fromIpv6: null, fromIpv4: null });
  world.probe('ipv6').send(packet(ENDLESS_LOOP.packet), parseAddress(PLACES.r2.ipv6));
  world.advance(LONG);
  // Each router forwards once a turn; the last of the 64 hops is refused.
  expect(crossings(world, ENDLESS_LOOP, 'ipv4')).toBe(HOP_LIMIT / 2);
  const turns = ['r1', 'r2'].map((router) => packets([world.daemon(router).counters.row], 0, Direction.encapsulate));
  expect(turns).toEqual([0, HOP_LIMIT / 2]);
  expect([losses(world, 'r1'), losses(world, 'r2')].filter((counts) => 'loop' in counts)).toEqual([]);
});
