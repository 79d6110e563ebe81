/** The search for the refresh interval, RFC 4380 section 5.2.7, through NATs that forget after different times. */
import { describe, expect, test } from 'vitest';
import { World } from '../../src/sim/world.js';
import { IPV4_LEN } from '../../src/wire/ipv4.js';
import { u16 } from '../../src/wire/octets.js';
import { UDP_LEN } from '../../src/wire/udp.js';
import { PCS, teredoLan } from '../teredo-lan.js';
import { resolve } from './resolve.js';
import { addressOf, found } from './worlds.js';

const [PC] = PCS;
const SERVER = '198.51.100.1';
/** Longer than any search. */
const SEARCHED = 900_000;

/** The network, its NAT forgetting after `timeout` seconds. */
function behind(timeout: number, keys = 'refresh-interval = "auto"'): World {
  const topology = teredoLan(keys);
  const nodes = topology.nodes.map((node) => (node.nat === undefined ? node : { ...node, nat: { ...node.nat, timeout } }));
  return new World({ ...topology, nodes }, { resolve });
}

/** One datagram of the PC on its LAN. */
interface Datagram {
  readonly from: string;
  readonly to: string;
  /** Whether it carries a bubble, and nothing in front of it. */
  readonly isBubble: boolean;
}

function datagrams(world: World): Datagram[] {
  return world
    .link('home')
    .packets()
    .map((packet) => ({
      from: `${packet.slice(12, 16).join('.')}:${u16(packet, IPV4_LEN)}`,
      to: `${packet.slice(16, 20).join('.')}:${u16(packet, IPV4_LEN + 2)}`,
      isBubble: packet.length === IPV4_LEN + UDP_LEN + 40,
    }));
}

describe('TRDO-CL-55, 57, 58: what is found out is what the vectors of the RFC say', () => {
  test.each([
    [20, 30],
    [45, 44.0625],
    [61, 60],
    [75, 60],
    [100, 90],
    [115, 112.5],
    [180, 119.0625],
    [300, 119.0625],
  ])('a NAT that forgets after %i s: %d s', (timeout, seconds) => {
    const world = behind(timeout);
    world.run(SEARCHED);
    expect(found(world, PC)).toMatchObject({ state: 'qualified', refreshSeconds: seconds });
  });
});

test('TRDO-CL-56: for each candidate bubbles by way of the server, at 0, 2, 4 and 6 s, until one comes', () => {
  const world = behind(61);
  world.run(SEARCHED);
  const service = `192.168.1.2:${found(world, PC).localPort}`;
  // 60 s: it comes; 90 and 75 s: it does not, four times.
  expect(
    datagrams(world)
      .filter(({ from, isBubble }) => from === service && isBubble)
      .map(({ to }) => to),
  ).toEqual(Array(9).fill(`${SERVER}:3544`));
});

test('TRDO-CL-59: by the second port nothing goes but the questions, one for each candidate, and in the end nothing at all', () => {
  const world = behind(61);
  world.run(SEARCHED);
  const { localPort } = found(world, PC);
  const others = datagrams(world).filter(({ from }) => from.startsWith('192.168.1.2:') && from !== `192.168.1.2:${localPort}`);
  expect(new Set(others.map(({ from }) => from)).size).toBe(1);
  expect(others.map(({ to, isBubble }) => [to, isBubble])).toEqual(Array(3).fill([`${SERVER}:3544`, false]));
});

test('a client that searches keeps its address all the while', () => {
  const world = behind(75);
  world.run(1_000);
  const before = addressOf(world, PC);
  for (let i = 0; i < 60; i++) {
    world.advance(30_000);
    expect(addressOf(world, PC)).toBe(before);
  }
});

test('an interval that was found does not hold when the mapping is lost: thirty seconds do, from then on', () => {
  const world = behind(300);
  world.run(SEARCHED);
  const before = addressOf(world, PC);
  world.host('nat').nat?.forget();
  world.advance(130_000);
  expect(addressOf(world, PC)).not.toBe(before);
  expect(found(world, PC)).toMatchObject({ state: 'qualified', refreshSeconds: 30 });
  world.advance(SEARCHED);
  expect(found(world, PC)).toMatchObject({ state: 'qualified', refreshSeconds: 30 });
});

test('nothing is searched for unless it is asked for', () => {
  const world = behind(300, '');
  world.run(SEARCHED);
  expect(found(world, PC)).toMatchObject({ refreshSeconds: 30 });
  expect(
    new Set(
      datagrams(world)
        .filter(({ from }) => from.startsWith('192.168.1.2:'))
        .map(({ from }) => from),
    ).size,
  ).toBe(1);
});
