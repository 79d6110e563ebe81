/** Rows of the requirement list that a Teredo client meets by what it does not do. */
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { seeded } from '../chance.js';
import { hex, ipv6, join, udp6 } from '../vectors/compose.js';
import { CLIENT, PEER, payloadOf } from '../wire/teredo-frames.js';
import { PRIMARY } from './teredo-bench.js';
import { ClientBench } from './teredo-client-bench.js';

const SERVER = `${PRIMARY}:3544`;
const PEER_AT = '198.51.100.118:4096';
const RELAY_AT = '203.0.113.200:3545';
/** RFC 6081 section 4.3: 192.168.1.77, port 40000; and one whose port is 0, which is malformed. */
const LIST = '03080000c0a8014d9c40';
const MALFORMED = '03080000c0a8014d0000';
/** Of 203.0.113.200, port 3545, as RFC 4380 section 5.1.1 inverts it. */
const RELAY_ORIGIN = hex('0000f22634ff8e37');

const bubble = (src: string, dst: string, trailers: string) =>
  join(ipv6({ src, dst, hopLimit: 255 }, 59, new Uint8Array(0)), hex(trailers));
const data = (src: string, dst: string) => udp6({ src, dst }, 64);

describe('TRDO-EN-13, RFC 6081 section 4.3: alternate addresses are in indirect bubbles of clients only', () => {
  test.each<[string, string, (trailers: string) => Uint8Array, number]>([
    ['a direct bubble', PEER_AT, (trailers) => bubble(PEER, CLIENT, trailers), Verdict.consumed],
    ['data of a client', PEER_AT, (trailers) => join(data(PEER, CLIENT), hex(trailers)), Drop.none],
    ['the bubble of a relay', SERVER, (trailers) => join(RELAY_ORIGIN, bubble('3fff:0:ffff::1', CLIENT, trailers)), Verdict.consumed],
  ])('TRDO-EN-13: alternate addresses in %s mean nothing, be they right or malformed', (_, from, payload, verdict) => {
    for (const trailers of [LIST, MALFORMED]) {
      const [bench, plain] = [new ClientBench(), new ClientBench()];
      expect([bench.receive(from, payload(trailers)), plain.receive(from, payload(''))]).toEqual([verdict, verdict]);
      const sent = bench.take();
      expect(sent).toEqual(plain.take());
      expect(sent.map(({ to }) => to).filter((to) => to !== PEER_AT && to !== RELAY_AT)).toEqual([]);
    }
  });

  test('TRDO-EN-13: of what a client sends, indirect bubbles alone have them', () => {
    const bench = new ClientBench();
    bench.send(data(CLIENT, PEER));
    bench.receive(SERVER, payloadOf('teredo_relay_bubble_forwarded'));
    bench.pass(6_000);
    const lists = bench.take().map(({ to, payload }) => [to, payload.slice(80).startsWith('0308')]);
    expect(lists).toEqual([
      [PEER_AT, false],
      [SERVER, true],
      [RELAY_AT, false],
      ...[2, 4, 6].flatMap(() => [
        [PEER_AT, false],
        [SERVER, true],
      ]),
    ]);
  });
});

test('TRDO-CL-61, 64: a discovery bubble by unicast is dropped', () => {
  const bench = new ClientBench();
  const ofPeer = ipv6({ src: PEER, dst: 'ff02::1', hopLimit: 1 }, 59, new Uint8Array(0));
  for (const from of [PEER_AT, SERVER, RELAY_AT])
    for (const frame of [payloadOf('teredo_local_discovery'), ofPeer]) expect(bench.receive(from, frame)).toBe(Drop.special_ipv6);
  expect([bench.take(), bench.role.peers]).toEqual([[], 0]);
});

test('TRDO-EX-03: each indirect bubble has a nonce of its own', () => {
  const bench = new ClientBench({ random: seeded(6081) });
  bench.send(data(bench.address, PEER));
  bench.pass(6_000);
  const nonces = bench.take().flatMap(({ to, payload }) => (to === SERVER ? [payload.slice(100, 112)] : []));
  expect(nonces.every((nonce) => nonce.startsWith('0104'))).toBe(true);
  expect([nonces.length, new Set(nonces).size]).toEqual([4, 4]);
});
