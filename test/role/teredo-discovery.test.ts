/** Teredo clients of one subnet: RFC 4380 sections 5.2.3 (cases 4 and 5), 5.2.4 (case 3) and 5.2.8, octet by octet. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { LEAST_SILENCE, MOST_SILENCE, NEARBY_TIME } from '../../src/role/teredo-discovery.js';
import { seeded } from '../chance.js';
import { hex, ipv6, join, toHex, udp6 } from '../vectors/compose.js';
import { CLIENT, PEER, payloadOf } from '../wire/teredo-frames.js';
import { addr, PRIMARY } from './teredo-bench.js';
import { ClientBench, type ClientSetup } from './teredo-client-bench.js';

const SERVER = `${PRIMARY}:3544`;
const GROUP = '224.0.0.253:3544';
/** The socket that hears the group. */
const HEARS = 1;
/** Another client behind the same NAT, 192.0.2.45, seen there at port 40001. */
const OTHER = '2001:0:4136:e378:2057:63be:3fff:fdd2';
const OTHER_SEEN = '192.0.2.45:40001';
const OTHER_AT = '192.168.1.11:4096';
/** Nowhere among the addresses of this node. */
const ALL_NODES = 'ff02::1';

const SETUP: ClientSetup = {
  ports: [40_000, 3544],
  change: { discovery: { lan: { addr: addr('192.168.1.0'), len: 24 }, socket: HEARS } },
};
const bubble = (src: string, dst: string, hopLimit = 255) => ipv6({ src, dst, hopLimit }, 59, new Uint8Array(0));
const here = (src = OTHER) => bubble(src, ALL_NODES, 1);
const data = (src: string, dst: string) => udp6({ src, dst }, 64);
const direct = toHex(bubble(CLIENT, OTHER));
const ANNOUNCEMENT = toHex(payloadOf('teredo_local_discovery'));

/** A client that looks for others, and has said so. */
function looking(setup: ClientSetup = {}): ClientBench {
  return new ClientBench({ ...SETUP, ...setup });
}

/** One that has heard the other. */
function informed(setup: ClientSetup = {}): ClientBench {
  const bench = looking(setup);
  expect(bench.receive(OTHER_AT, here(), HEARS)).toBe(Verdict.consumed);
  bench.take();
  return bench;
}

test('TRDO-CL-60, F15: as soon as it has an address it says where it is, and then every 200 to 300 s, by chance', () => {
  const bench = new ClientBench({ ...SETUP, random: seeded(5280), qualifies: false });
  bench.answer();
  bench.answer();
  const own = bench.address;
  bench.pass(3_600_000, true);
  const said = bench.take();
  expect(said[0]).toEqual({ at: 0, socket: 0, to: GROUP, payload: toHex(bubble(own, ALL_NODES, 1)) });
  const gaps = said.slice(1).map(({ at }, i) => at - said[i].at);
  expect(gaps.length).toBeGreaterThan(10);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(LEAST_SILENCE);
  expect(Math.max(...gaps)).toBeLessThan(MOST_SILENCE);
  expect(Math.max(...gaps) - Math.min(...gaps)).toBeGreaterThan((MOST_SILENCE - LEAST_SILENCE) / 4);
});

test('TRDO-CL-33: who says where it is is answered there, and not trusted yet', () => {
  const bench = looking();
  expect(bench.receive(OTHER_AT, here(), HEARS)).toBe(Verdict.consumed);
  expect(bench.take()).toEqual([{ at: 0, socket: 0, to: OTHER_AT, payload: direct }]);
  expect([bench.role.peers, bench.route(data(CLIENT, OTHER))]).toEqual([1, Drop.no_endpoint]);
});

test('TRDO-CL-33: all together are answered thirty times a second', () => {
  const bench = looking();
  for (let i = 0; i < 2_000; i++) {
    bench.pass(1);
    bench.receive(OTHER_AT, here(), HEARS);
  }
  const answers = bench.take().length;
  expect(answers).toBeGreaterThanOrEqual(60);
  expect(answers).toBeLessThanOrEqual(60 + 3);
  expect(bench.receive(OTHER_AT, here(), HEARS)).toBe(Drop.rate_limit);
});

test('TRDO-CL-40: it is looked for there first, and told who looks; two seconds later it is asked as any other', () => {
  const bench = informed();
  expect(bench.send(data(CLIENT, OTHER))).toBe(Verdict.hold);
  expect(bench.take()).toEqual([
    { at: 0, socket: 0, to: GROUP, payload: ANNOUNCEMENT },
    { at: 0, socket: 0, to: OTHER_AT, payload: direct },
  ]);
  bench.pass(2_000);
  expect(bench.take().map(({ to }) => to)).toEqual([OTHER_SEEN, SERVER]);
});

test('TRDO-CL-34: its answer from there is one, and what waits goes there', () => {
  const bench = informed();
  bench.send(data(CLIENT, OTHER));
  expect(bench.receive(OTHER_AT, bubble(OTHER, CLIENT))).toBe(Verdict.consumed);
  expect(bench.released).toEqual([{ packet: toHex(data(CLIENT, OTHER)), to: OTHER_AT }]);
  expect(bench.receive(OTHER_AT, data(OTHER, CLIENT))).toBe(Drop.none);
});

test('TRDO-CL-34: so is data, and from elsewhere it is not', () => {
  const bench = informed();
  expect(bench.receive('192.168.1.12:4096', data(OTHER, CLIENT))).toBe(Drop.untrusted_peer);
  expect(bench.receive('192.168.1.11:4097', bubble(OTHER, CLIENT))).toBe(Drop.source_mismatch);
  expect(bench.receive(OTHER_AT, data(OTHER, CLIENT))).toBe(Drop.none);
  expect(bench.route(data(CLIENT, OTHER))).toBe(OTHER_AT);
});

test('behind a symmetric NAT it is reached there as well, without a nonce', () => {
  const bench = informed({ origins: ['192.0.2.45:40000', '192.0.2.45:40500'] });
  expect(bench.role.learned.teredo?.nat).toBe('symmetric');
  bench.send(data(CLIENT, OTHER));
  expect(bench.receive(OTHER_AT, bubble(OTHER, CLIENT))).toBe(Verdict.consumed);
  expect(bench.released).toEqual([{ packet: toHex(data(CLIENT, OTHER)), to: OTHER_AT }]);
});

test('RFC 4380 section 5.2.4: what it said is of no use after ten minutes', () => {
  const bench = informed();
  bench.pass(NEARBY_TIME - 1, true);
  expect(bench.receive(OTHER_AT, bubble(OTHER, CLIENT))).toBe(Verdict.consumed);
  const late = informed();
  late.pass(NEARBY_TIME, true);
  late.take();
  expect(late.receive(OTHER_AT, bubble(OTHER, CLIENT))).toBe(Drop.source_mismatch);
  late.send(data(CLIENT, OTHER));
  expect(late.take().map(({ to }) => to)).toEqual([OTHER_SEEN, SERVER]);
});

describe('TRDO-CL-61, 62: it is not believed', () => {
  test.each([
    ['what comes from outside the subnet', '192.168.2.11:4096', here(), Drop.untrusted_peer],
    ['a client behind another NAT', OTHER_AT, here(PEER), Drop.untrusted_peer],
    ['a port of 0', '192.168.1.11:0', here(), Drop.untrusted_peer],
    ['a host without a Teredo address', OTHER_AT, here('3fff:0:1::80'), Drop.source_mismatch],
    ['nobody', OTHER_AT, here('::'), Drop.source_mismatch],
    ['a private mapped address', OTHER_AT, here('2001:0:4136:e378:0:63bf:3f57:fef5'), Drop.special_ipv4],
    ['a mapped port of 0', OTHER_AT, here('2001:0:4136:e378:0:ffff:3fff:fdd2'), Drop.special_ipv4],
    ['the client itself, which hears what it says', '192.168.1.10:40000', here(CLIENT), Verdict.consumed],
    ['a bubble for this client alone', OTHER_AT, bubble(OTHER, CLIENT), Drop.destination_mismatch],
    ['data', OTHER_AT, data(OTHER, ALL_NODES), Drop.destination_mismatch],
    ['a router advertisement', OTHER_AT, payloadOf('teredo_ra_origin'), Drop.destination_mismatch],
  ])('%s', (_, from, payload, reason) => {
    const bench = looking();
    expect(bench.receive(from, payload, HEARS)).toBe(reason);
    expect([bench.take(), bench.role.peers]).toEqual([[], 0]);
  });

  test('anybody while the client has no address, though it may know its NAT', () => {
    const bench = looking({ qualifies: false });
    expect(bench.receive(OTHER_AT, here(), HEARS)).toBe(Drop.tunnel_down);
    bench.answer();
    expect(bench.receive(OTHER_AT, here(), HEARS)).toBe(Drop.tunnel_down);
  });

  test('more strangers than thirty in a second', () => {
    const bench = looking();
    const named = (i: number) => here(`2001:0:4136:e378:${(i + 1).toString(16)}:63be:3fff:fdd2`);
    const verdicts = Array.from({ length: 100 }, (_, i) => bench.receive(OTHER_AT, named(i), HEARS));
    expect(verdicts.filter((verdict) => verdict === Drop.rate_limit).length).toBeGreaterThan(90);
    expect(bench.role.peers).toBeLessThan(10);
  });

  test('who is reached elsewhere stays there until it is heard nearby', () => {
    const bench = informed();
    expect(bench.receive(OTHER_SEEN, bubble(OTHER, CLIENT))).toBe(Verdict.consumed);
    bench.receive('192.168.1.66:666', here(), HEARS);
    expect(bench.route(data(CLIENT, OTHER))).toBe(OTHER_SEEN);
  });
});

test('who takes the place of one that was nearby is not nearby', () => {
  const bench = informed({ change: { ...SETUP.change, maxPeers: 1 } });
  bench.send(data(CLIENT, PEER));
  expect(bench.take().map(({ to }) => to)).toEqual(['198.51.100.118:4096', SERVER]);
});

test('of several that are looked for at once the group hears once', () => {
  const bench = looking();
  const names = [1, 2, 3].map((i) => `2001:0:4136:e378:${i}:63be:3fff:fdd2`);
  for (const name of names) expect(bench.receive(OTHER_AT, here(name), HEARS)).toBe(Verdict.consumed);
  bench.pass(1_000).take();
  for (const name of names) expect(bench.send(data(CLIENT, name))).toBe(Verdict.hold);
  expect(bench.take().map(({ to }) => to)).toEqual([GROUP, OTHER_AT, OTHER_AT, OTHER_AT]);
});

test('whatever is sent to the group: one answer at most, to who is on the subnet, and a bounded number of peers', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const source = fc.record({ subnet: fc.constantFrom(1, 1, 1, 2), host: fc.integer({ min: 2, max: 254 }), port: fc.nat(0xffff) });
  const spoilt = fc.array(fc.record({ at: fc.nat(39), to: octet }), { maxLength: 3 });
  const flags = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(fc.array(fc.record({ source, spoilt, flags, gap: fc.nat(500) }), { maxLength: 200 }), (said) => {
      const bench = looking({ change: { ...SETUP.change, maxPeers: 8 } });
      for (const { source, spoilt, flags, gap } of said) {
        bench.pass(gap, true);
        bench.take();
        const payload = here(`2001:0:4136:e378:${flags.toString(16)}:63be:3fff:fdd2`);
        for (const { at, to } of spoilt) payload[at] = to;
        const from = `192.168.${source.subnet}.${source.host}:${source.port}`;
        const verdict = bench.receive(from, payload, HEARS);
        const answers = bench.take();
        expect(answers.map(({ to, socket }) => [to, socket])).toEqual(
          verdict === Verdict.consumed && source.host !== 10 ? [[from, 0]] : [],
        );
        expect(source.subnet === 1 || answers.length === 0).toBe(true);
        expect(bench.role.peers).toBeLessThanOrEqual(8);
      }
    }),
    { seed: 528, numRuns: 30 },
  );
});

test('a client that has lost its address says nothing', () => {
  const bench = looking();
  for (let i = 0; bench.role.learned.teredo?.state === 'qualified'; i++) {
    expect(i).toBeLessThan(100);
    bench.pass(1_000);
  }
  bench.take();
  bench.pass(2 * MOST_SILENCE);
  expect(bench.take()).toEqual([]);
});

test('a trailer behind it means nothing', () => {
  const bench = looking();
  expect(bench.receive(OTHER_AT, join(here(), hex('0104deadbeef')), HEARS)).toBe(Verdict.consumed);
  expect(bench.take()).toEqual([{ at: 0, socket: 0, to: OTHER_AT, payload: direct }]);
});
