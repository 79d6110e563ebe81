/** Teredo relays against RFC 4380 section 5.4, in virtual time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import type { Endpoint } from '../../src/core/endpoint.js';
import { type Flows, NO_FLOWS } from '../../src/core/flows.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import { Verdict } from '../../src/core/verdict.js';
import { TEREDO_PREFIX } from '../../src/mapping/teredo.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { MAX_PER_NEIGHBOR } from '../../src/role/held-packets.js';
import { Outer, TransmitTo } from '../../src/role/role.js';
import { MAX_ASKED, NEW_PEERS_RATE, NEW_SPEAKERS_RATE, TeredoRelay, type TeredoRelayOptions } from '../../src/role/teredo-relay.js';
import { formatIpv4, formatIpv6, parseIpv4, parsePrefix4 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { address, be16, be32, echoReply, echoRequest, hex, ipv6, join, Next, toHex } from '../vectors/compose.js';
import { CLIENT, hmac, PEER, payloadOf } from '../wire/teredo-frames.js';

const SERVER = '65.54.227.120:3544';
/** What `CLIENT` carries. */
const MAPPED = '192.0.2.45:40000';
const LOCAL = '203.0.113.200';
const IDENTITY = '3fff:0:ffff::1';
const NATIVE = '3fff:0:1::80';
const OFF = 29;
const SECOND = 1_000;
/** F17, and the nonce trailer that a bubble by a server ends with: RFC 6081 section 4.2. */
const RELAY_BUBBLE = toHex(payloadOf('teredo_relay_bubble'));
const INDIRECT_BUBBLE = new RegExp(`^${RELAY_BUBBLE}0104[0-9a-f]{8}$`);
/** Every second one: its nonce is at the end of its source too. */
const ASKING_BUBBLE = new RegExp(`^${RELAY_BUBBLE.slice(0, 16)}fe80${'0'.repeat(20)}([0-9a-f]{8})${RELAY_BUBBLE.slice(48)}0104\\1$`);
/** The trailer of such a bubble. */
const trailerOf = ({ octets }: { octets: string }) => hex(octets.slice(80));
const ip = (text: string) => parseIpv4(text) ?? 0;
const DOCUMENTATION = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'].flatMap((text) => parsePrefix4(text) ?? []);

/** The address of the client number `n` of that server: 198.51.100.n % 256, another port for each. */
function clientNumber(n: number): readonly [address: string, endpoint: string] {
  const octets = join(
    hex('20010000 4136e378 2057'),
    Uint8Array.from([...be16(~(1024 + (n >> 8))), ...be32(~(ip('198.51.100.0') + (n & 255)))]),
  );
  return [formatIpv6(octets), `198.51.100.${n & 255}:${1024 + (n >> 8)}`];
}

/** A bubble, and data. */
const bubble = (src: string, dst = IDENTITY) => ipv6({ src, dst, hopLimit: 255 }, Next.none, new Uint8Array(0));
const data = (src: string, dst: string, octets = 64) => echoRequest({ src, dst }, octets);

interface Sent {
  readonly at: number;
  readonly to: number;
  /** `address:port`; means nothing of a packet that was held. */
  readonly remote: string;
  readonly octets: string;
}

/** A relay, and somebody who does with it what role.ts asks. */
class RelaySide {
  now = 1_000_000;
  readonly role: TeredoRelay;
  readonly sent: Sent[] = [];
  readonly outer = new Outer();
  readonly #b = new Uint8Array(4096);
  readonly #out = makeBatch(1, HEADROOM + 2048)[0];

  constructor(more: Partial<TeredoRelayOptions> = {}) {
    const local = ip(LOCAL) | 0;
    this.role = new TeredoRelay({
      local: [local],
      ports: [3545],
      prefix: TEREDO_PREFIX | 0,
      own: new OwnAddresses([local]),
      endpoints: new EndpointPolicy(DOCUMENTATION),
      identity: address(IDENTITY),
      mtu: 1280,
      hmac,
      random: seeded(1),
      maxPeers: 1024,
      flows: NO_FLOWS,
      ...more,
    });
  }

  /** Shows it a packet from its device: a verdict or a drop reason. */
  send(octets: Uint8Array): number {
    const b = this.#b.fill(0xa5, 0, OFF + octets.length + 8);
    b.set(octets, OFF);
    this.outer.remote.bits = this.outer.remote.port = this.outer.socket = 0x55;
    const verdict = this.role.encapsulate(b, OFF, this.outer, this.now);
    expect(Buffer.compare(b.subarray(OFF, OFF + octets.length), octets)).toBe(0);
    this.drain();
    return verdict;
  }

  /** Shows it the inner packet of a payload that came from `from`: a verdict or a drop reason. */
  receive(from: string, octets: Uint8Array, headers: Uint8Array = new Uint8Array(0), trailers: Uint8Array = new Uint8Array(0)): number {
    const b = this.#b.fill(0xa5);
    b.set(join(headers, octets, trailers), OFF);
    const { outer } = this;
    const [host, port] = from.split(':');
    outer.remote.addr = ip(host);
    outer.remote.port = Number(port);
    outer.local.addr = ip(LOCAL);
    outer.local.port = 3545;
    outer.socket = 0;
    outer.payload = OFF;
    outer.packet = OFF + headers.length;
    outer.payloadEnd = outer.packet + octets.length + trailers.length;
    const verdict = this.role.decapsulate(b, outer.packet, outer, this.now);
    this.drain();
    return verdict;
  }

  /** Where the packet that was sent last went. */
  get remote(): string {
    return `${formatIpv4(this.outer.remote.addr)}:${this.outer.remote.port}`;
  }

  drain(): void {
    const out = this.#out;
    for (let i = 0; ; i++) {
      expect(i).toBeLessThan(20_000);
      out.b.fill(0xa5);
      out.socket = 0x55;
      const to = this.role.pollTransmit(out, this.now);
      if (to === TransmitTo.nowhere) return;
      if (to === TransmitTo.carrier) expect(out.socket).toBe(0);
      const remote = `${formatIpv4(out.remote.addr)}:${out.remote.port}`;
      this.sent.push({ at: this.now, to, remote, octets: toHex(out.b.subarray(out.off, out.end)) });
    }
  }

  /** Lets time pass, with every timer served when it is due. */
  pass(time: number): void {
    const end = this.now + time;
    for (let i = 0; this.role.nextTimeout() <= end; i++) {
      expect(i).toBeLessThan(100_000);
      this.now = Math.max(this.now, this.role.nextTimeout());
      this.role.handleTimeout(this.now);
      this.drain();
      expect(this.role.nextTimeout()).toBeGreaterThan(this.now);
    }
    this.now = end;
  }

  /** What was sent since this was asked last. */
  take(): Sent[] {
    return this.sent.splice(0);
  }

  /** With `CLIENT` for a trusted peer. */
  static acquainted(more: Partial<TeredoRelayOptions> = {}): RelaySide {
    const side = new RelaySide(more);
    side.send(data(NATIVE, CLIENT));
    expect(side.receive(MAPPED, payloadOf('teredo_client_opens_relay'))).toBe(Verdict.consumed);
    side.take();
    return side;
  }
}

describe('towards a client', () => {
  test('TRDO-RL-06, 07: F17 at 0, 2, 4 and 6 s by way of its server; given up at 8 s, and forgotten', () => {
    const side = new RelaySide();
    const began = side.now;
    const packet = data(NATIVE, CLIENT);
    expect(side.send(packet)).toBe(Verdict.hold);
    expect(side.role.peers).toBe(1);
    side.pass(7_999);
    expect(side.role.peers).toBe(1);
    side.pass(1);
    const bubbles = side.sent.filter(({ to }) => to === TransmitTo.carrier);
    expect(bubbles.map(({ at }) => (at - began) / SECOND)).toEqual([0, 2, 4, 6]);
    for (const [i, one] of bubbles.entries()) {
      const expected = i % 2 === 0 ? INDIRECT_BUBBLE : ASKING_BUBBLE;
      expect([one.remote, one.octets]).toEqual([SERVER, expect.stringMatching(expected)]);
    }
    expect(new Set(bubbles.map(({ octets }) => octets)).size).toBe(4);
    expect(side.sent[4]).toMatchObject({ at: began + 8 * SECOND, to: TransmitTo.undeliverable, octets: toHex(packet) });
    expect([side.sent.length, side.role.peers, side.role.nextTimeout()]).toEqual([5, 0, Number.POSITIVE_INFINITY]);
  });

  test('TRDO-RL-04, 08: with F19 it is trusted, what was held is released in order, and all goes straight to it', () => {
    const side = new RelaySide();
    const packets = [100, 101, 102].map((octets) => data(NATIVE, CLIENT, octets));
    for (const packet of packets) expect(side.send(packet)).toBe(Verdict.hold);
    side.pass(100);
    side.take();
    expect(side.receive(MAPPED, payloadOf('teredo_client_opens_relay'))).toBe(Verdict.consumed);
    const released = side.take();
    expect(released.map(({ to, octets }) => [to, octets])).toEqual(packets.map((packet) => [TransmitTo.released, toHex(packet)]));
    for (const packet of packets) expect([side.send(packet), side.remote, side.outer.socket]).toEqual([Drop.none, MAPPED, 0]);
    expect([formatIpv4(side.outer.local.addr), side.outer.local.port]).toEqual([LOCAL, 3545]);
    side.pass(29_000);
    expect([side.take(), side.role.peers]).toEqual([[], 1]);
  });

  test('TRDO-RL-14: the answer to a connectivity test, F20, goes straight to the client that is known', () => {
    const side = RelaySide.acquainted();
    expect([side.send(payloadOf('teredo_ping_reply')), side.remote]).toEqual([Drop.none, MAPPED]);
  });

  test('TRDO-CL-37: a client that was silent for 30 s is asked again; one that sends is not', () => {
    const side = RelaySide.acquainted();
    side.pass(29_999);
    expect(side.send(data(NATIVE, CLIENT))).toBe(Drop.none);
    expect(side.receive(MAPPED, data(CLIENT, NATIVE))).toBe(Drop.none);
    side.pass(29_999);
    expect(side.send(data(NATIVE, CLIENT))).toBe(Drop.none);
    side.pass(1);
    expect(side.send(data(NATIVE, CLIENT))).toBe(Verdict.hold);
    expect(side.take().map(({ to, remote }) => [to, remote])).toEqual([[TransmitTo.carrier, SERVER]]);
    expect(side.send(data(NATIVE, CLIENT))).toBe(Verdict.hold);
    expect(side.receive(MAPPED, bubble(CLIENT))).toBe(Verdict.consumed);
    expect(side.take().map(({ to }) => to)).toEqual([TransmitTo.released, TransmitTo.released]);
  });

  test('data answers as well as a bubble', () => {
    const side = new RelaySide();
    side.send(data(NATIVE, CLIENT));
    side.take();
    expect(side.receive(MAPPED, data(CLIENT, NATIVE))).toBe(Drop.none);
    expect(side.take().map(({ to }) => to)).toEqual([TransmitTo.released]);
  });

  test('an answer between two bubbles ends them; who is asked later gets four again', () => {
    const side = new RelaySide();
    side.send(data(NATIVE, CLIENT));
    side.pass(3_000);
    side.receive(MAPPED, bubble(CLIENT));
    side.take();
    side.pass(60_000);
    expect(side.take()).toEqual([]);
    side.send(data(NATIVE, CLIENT));
    side.pass(60_000);
    expect(side.take().map(({ to }) => to)).toEqual([...[2, 2, 2, 2].map(() => TransmitTo.carrier), TransmitTo.undeliverable]);
  });

  test('an answer to the last bubble is in time', () => {
    const side = new RelaySide();
    side.send(data(NATIVE, CLIENT));
    side.pass(7_000);
    side.receive(MAPPED, bubble(CLIENT));
    side.pass(10_000);
    expect([side.send(data(NATIVE, CLIENT)), side.role.peers]).toEqual([Drop.none, 1]);
    expect(side.take().filter(({ to }) => to === TransmitTo.undeliverable)).toEqual([]);
  });

  test('TRDO-RL-05: the cone flag saves nobody the bubbles', () => {
    const side = new RelaySide();
    const cone = '2001:0:4136:e378:8000:63bf:3fff:fdd2';
    expect(side.send(data(NATIVE, cone))).toBe(Verdict.hold);
    expect(side.take()[0].remote).toBe(SERVER);
  });

  test('TRDO-RL-09: behind a NAT each bubble is a pair, the second one straight to the client', () => {
    const side = new RelaySide({ local: [ip('192.168.7.7') | 0] });
    side.send(data(NATIVE, CLIENT));
    side.pass(2_000);
    expect(side.sent.map(({ remote, octets }) => [remote, octets])).toEqual([
      [SERVER, expect.stringMatching(INDIRECT_BUBBLE)],
      [MAPPED, RELAY_BUBBLE],
      [SERVER, expect.stringMatching(ASKING_BUBBLE)],
      [MAPPED, RELAY_BUBBLE],
    ]);
  });

  test('without an IPv6 address of its own, bubbles come from a link-local one that says where it is', () => {
    const side = new RelaySide({ identity: null });
    side.send(data(NATIVE, CLIENT));
    const inverted = toHex(Uint8Array.from([...be16(~3545), ...be32(~ip(LOCAL))]));
    expect(side.take()[0].octets.slice(16, 48)).toBe(`fe800000000000008000${inverted}`);
  });

  const refusals: readonly (readonly [what: string, src: string, dst: string, reason: keyof typeof Drop])[] = [
    ['TRDO-RL-02: a native destination', NATIVE, '3fff:0:2::1', 'no_endpoint'],
    ['TRDO-AD-11: a destination of the old prefix', NATIVE, '3ffe:831f:4136:e378:0:63bf:3fff:fdd2', 'no_endpoint'],
    ['a destination without a port', NATIVE, '2001:0:4136:e378:0:ffff:3fff:fdd2', 'no_endpoint'],
    ['TRDO-RL-03: a client at 10.0.0.1', NATIVE, '2001:0:4136:e378:0:63bf:f5ff:fffe', 'special_ipv4'],
    ['TRDO-RL-03: a client at 127.0.0.1', NATIVE, '2001:0:4136:e378:0:63bf:80ff:fffe', 'special_ipv4'],
    ['TRDO-RL-03: a client at 224.0.0.253', NATIVE, '2001:0:4136:e378:0:63bf:1fff:ff02', 'special_ipv4'],
    ['TRDO-CL-45: a server at 127.0.0.1', NATIVE, '2001:0:7f00:1:0:63bf:3fff:fdd2', 'special_ipv4'],
    ['TRDO-RL-18: a client at the own address', NATIVE, '2001:0:4136:e378:0:63bf:34ff:8e37', 'loop'],
    ['RFC 6324: a source that carries the own address', '2002:cb00:71c8::1', CLIENT, 'loop'],
    ['a client that sends natively to another', PEER, CLIENT, 'source_mismatch'],
    ['a link-local source', 'fe80::1', CLIENT, 'special_ipv6'],
    ['no source', '::', CLIENT, 'special_ipv6'],
    ['a group', NATIVE, 'ff0e::1', 'special_ipv6'],
  ];

  test.each(refusals)('%s is refused, and nothing is sent', (_, src, dst, reason) => {
    const side = new RelaySide();
    expect(side.send(data(src, dst))).toBe(Drop[reason]);
    side.pass(10_000);
    expect([side.sent, side.role.peers]).toEqual([[], 0]);
  });

  test('a packet that is too long to be held is left to the tunnel, which says so', () => {
    const side = new RelaySide();
    expect([side.send(data(NATIVE, CLIENT, 1281)), side.sent, side.role.peers]).toEqual([Drop.none, [], 0]);
    expect(side.send(data(NATIVE, CLIENT, 1280))).toBe(Verdict.hold);
  });

  test('a route says where it would go, asks nobody and changes nothing', () => {
    const side = new RelaySide();
    const b = data(NATIVE, CLIENT);
    expect(side.role.route(b, 0, side.outer, side.now)).toBe(Drop.none);
    expect([side.remote, side.role.peers]).toEqual([MAPPED, 0]);
    side.drain();
    expect(side.sent).toEqual([]);
  });
});

describe('from a client', () => {
  test('what a client sends of its own accord is forwarded, and its answer needs no bubble', () => {
    const side = new RelaySide();
    expect(side.receive(MAPPED, data(CLIENT, NATIVE))).toBe(Drop.none);
    expect([side.send(data(NATIVE, CLIENT)), side.remote, side.role.peers]).toEqual([Drop.none, MAPPED, 1]);
  });

  test('headers and trailers are passed over', () => {
    const side = new RelaySide();
    const origin = hex('0000f22634ff8e37');
    const nonce = hex('00010000 0102030405060708 00');
    expect(side.receive(MAPPED, data(CLIENT, NATIVE), join(nonce, origin), hex('040400000000'))).toBe(Drop.none);
    expect(side.receive(MAPPED, bubble(CLIENT), origin)).toBe(Verdict.consumed);
  });

  const refusals: readonly (readonly [what: string, from: string, src: string, dst: string, reason: keyof typeof Drop])[] = [
    ['TRDO-RL-10, 11: another port, as of a symmetric NAT', '192.0.2.45:40001', CLIENT, NATIVE, 'source_mismatch'],
    ['TRDO-RL-10: another address', '192.0.2.46:40000', CLIENT, NATIVE, 'source_mismatch'],
    ['TRDO-RL-10: a native source', MAPPED, NATIVE, '3fff:0:2::1', 'source_mismatch'],
    ['TRDO-RL-10: a link-local source', MAPPED, 'fe80::63bf:3fff:fdd2', NATIVE, 'source_mismatch'],
    ['TRDO-RL-13: a destination in Teredo', MAPPED, CLIENT, PEER, 'destination_mismatch'],
    ['TRDO-RL-13: a group', MAPPED, CLIENT, 'ff02::1', 'special_ipv6'],
    ['TRDO-RL-13: a link-local destination', MAPPED, CLIENT, 'fe80::1', 'special_ipv6'],
    ['TRDO-RL-13: the loopback address', MAPPED, CLIENT, '::1', 'special_ipv6'],
    ['RFC 6324: a 6to4 destination that leads back here', MAPPED, CLIENT, '2002:cb00:71c8::1', 'loop'],
    ['RFC 6324: the own address for a sender', '203.0.113.200:40000', '2001:0:4136:e378:0:63bf:34ff:8e37', NATIVE, 'loop'],
    ['a private sender', '10.0.0.1:40000', '2001:0:4136:e378:0:63bf:f5ff:fffe', NATIVE, 'special_ipv4'],
  ];

  test.each(refusals)('%s is refused, and nobody becomes a peer', (_, from, src, dst, reason) => {
    const side = new RelaySide();
    expect([side.receive(from, data(src, dst)), side.role.peers, side.sent]).toEqual([Drop[reason], 0, []]);
  });

  test.each(refusals.slice(0, 4))('%s does not answer a bubble', (_, from, src) => {
    const side = new RelaySide();
    side.send(data(NATIVE, CLIENT));
    side.take();
    expect(side.receive(from, bubble(src))).toBe(Drop.source_mismatch);
    expect([side.take(), side.send(data(NATIVE, CLIENT))]).toEqual([[], Verdict.hold]);
  });

  describe('a client behind a symmetric NAT', () => {
    const ELSEWHERE = '192.0.2.45:51111';
    const asked = () => {
      const side = new RelaySide();
      side.send(data(NATIVE, CLIENT));
      return { side, trailer: trailerOf(side.take()[0]) };
    };

    test('RFC 6081 section 5.2.4.1: is where it shows the nonce from, as long as it is heard from there', () => {
      const { side, trailer } = asked();
      expect(side.receive(ELSEWHERE, bubble(CLIENT), undefined, trailer)).toBe(Verdict.consumed);
      expect(side.take().map(({ to }) => to)).toEqual([TransmitTo.released]);
      expect([side.send(data(NATIVE, CLIENT)), side.remote]).toEqual([Drop.none, ELSEWHERE]);
      expect(side.role.route(data(NATIVE, CLIENT), 0, side.outer, side.now)).toBe(Drop.none);
      expect(side.remote).toBe(ELSEWHERE);
      side.pass(29_999);
      expect(side.receive(ELSEWHERE, data(CLIENT, NATIVE))).toBe(Drop.none);
      side.pass(30_000);
      expect(side.receive(ELSEWHERE, data(CLIENT, NATIVE))).toBe(Drop.source_mismatch);
      expect(side.send(data(NATIVE, CLIENT))).toBe(Verdict.hold);
    });

    test('one that knows no nonces is where it answers from to the address that is one', () => {
      const { side } = asked();
      side.pass(2_000);
      const asker = formatIpv6(hex(side.take()[0].octets.slice(16, 48)), 0);
      const other = asker.replace(/.$/, (digit) => (digit === '1' ? '2' : '1'));
      expect(side.receive(ELSEWHERE, bubble(CLIENT, other))).toBe(Drop.nonce_mismatch);
      expect(side.receive(ELSEWHERE, bubble(CLIENT, asker))).toBe(Verdict.consumed);
      expect(side.take().map(({ to }) => to)).toEqual([TransmitTo.released]);
      expect([side.send(data(NATIVE, CLIENT)), side.remote]).toEqual([Drop.none, ELSEWHERE]);
      expect(side.receive('192.0.2.45:52222', bubble(CLIENT, asker))).toBe(Drop.source_mismatch);
    });

    const forgeries: readonly (readonly [what: string, trailer: (nonce: Uint8Array) => Uint8Array, reason: keyof typeof Drop])[] = [
      ['no nonce', () => new Uint8Array(0), 'source_mismatch'],
      ['another nonce', (nonce) => nonce.map((octet, i) => (i === 5 ? octet ^ 1 : octet)), 'nonce_mismatch'],
      ['half a nonce', (nonce) => nonce.slice(0, 4), 'source_mismatch'],
      ['a trailer that nobody may pass over', (nonce) => join(nonce, hex('4500')), 'malformed_teredo'],
    ];

    test.each(forgeries)('%s proves nothing', (_, forge, reason) => {
      const { side, trailer } = asked();
      expect(side.receive(ELSEWHERE, bubble(CLIENT), undefined, forge(trailer))).toBe(Drop[reason]);
      expect([side.take(), side.send(data(NATIVE, CLIENT))]).toEqual([[], Verdict.hold]);
    });

    test('a nonce is good for one answer, to the last bubble, and in a bubble only', () => {
      const { side, trailer } = asked();
      expect(side.receive(ELSEWHERE, data(CLIENT, NATIVE), undefined, trailer)).toBe(Drop.source_mismatch);
      side.pass(2_000);
      expect(side.receive(ELSEWHERE, bubble(CLIENT), undefined, trailer)).toBe(Drop.nonce_mismatch);
      const last = trailerOf(side.take()[0]);
      expect(side.receive(ELSEWHERE, bubble(CLIENT), undefined, last)).toBe(Verdict.consumed);
      expect(side.receive('192.0.2.45:52222', bubble(CLIENT), undefined, last)).toBe(Drop.source_mismatch);
    });

    test('who guesses nonces has 255 guesses a bubble, of either kind; after the next bubble the right one is taken again', () => {
      const { side, trailer } = asked();
      const guess = (n: number) => hex(`0104${toHex(Uint8Array.from(be32(n)))}`);
      for (let n = 0; n < 255; n++) expect(side.receive(ELSEWHERE, bubble(CLIENT), undefined, guess(n))).toBe(Drop.nonce_mismatch);
      expect(side.receive(ELSEWHERE, bubble(CLIENT), undefined, trailer)).toBe(Drop.nonce_mismatch);
      side.pass(2_000);
      const asker = formatIpv6(hex(side.take()[0].octets.slice(16, 48)), 0);
      for (let n = 0; n < 254; n++) expect(side.receive(ELSEWHERE, bubble(CLIENT, `fe80::${n}:1`))).toBe(Drop.nonce_mismatch);
      expect(side.receive(ELSEWHERE, bubble(CLIENT, asker))).toBe(Verdict.consumed);
    });
  });

  test('TRDO-RL-10: an address that differs in a flag alone answers for itself only', () => {
    const side = new RelaySide();
    side.send(data(NATIVE, CLIENT));
    side.take();
    expect(side.receive(MAPPED, bubble('2001:0:4136:e378:1:63bf:3fff:fdd2'))).toBe(Verdict.consumed);
    expect([side.take(), side.role.peers]).toEqual([[], 2]);
  });
});

describe('bounds', () => {
  test('TRDO-RL-08: of a thousand packets to one client three are held', () => {
    const side = new RelaySide();
    const verdicts = Array.from({ length: 1_000 }, () => side.send(data(NATIVE, CLIENT)));
    expect(verdicts.filter((one) => one === Verdict.hold)).toHaveLength(MAX_PER_NEIGHBOR);
    expect(verdicts.filter((one) => one === Drop.queue_full)).toHaveLength(1_000 - MAX_PER_NEIGHBOR);
    side.pass(10_000);
    expect(side.sent.filter(({ to }) => to === TransmitTo.undeliverable)).toHaveLength(MAX_PER_NEIGHBOR);
  });

  test('TRDO-RL-08: further packets of one client do not take the place of the first one of another', () => {
    const side = new RelaySide({ maxPeers: 10_000 });
    const firsts = new Map<number, number>();
    const seconds = new Map<number, number>();
    for (let n = 0; n < 4_000; n++) {
      const octets = data(NATIVE, clientNumber(n)[0]);
      for (const verdicts of [firsts, seconds]) {
        const verdict = side.send(octets);
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      }
      side.pass(1_000 / NEW_PEERS_RATE);
      side.take();
    }
    expect(firsts).toEqual(new Map([[Verdict.hold, 4_000]]));
    // As many as half of the places, first ones included, are full of.
    expect(seconds.get(Verdict.hold)).toBe(MAX_ASKED / 2);
    expect(seconds.get(Drop.queue_full)).toBe(4_000 - MAX_ASKED / 2);
  });

  test('TRDO-RL-15: a million new destinations do not drive out a peer in use, and neither memory nor bubbles grow', {
    timeout: 120_000,
  }, () => {
    const side = RelaySide.acquainted({ maxPeers: 8_192 });
    const octets = data(NATIVE, CLIENT);
    const began = side.now;
    const count = new Map<number, number>();
    let bubbles = 0;
    let memory = 0;
    for (let n = 0; n < 1_000_000; n++) {
      // Clients of a million servers.
      octets.set(be32(0x41000000 + n), 28);
      const verdict = side.role.encapsulate(octets, 0, side.outer, side.now);
      count.set(verdict, (count.get(verdict) ?? 0) + 1);
      if (n % 100 !== 99) continue;
      side.drain();
      side.pass(10);
      bubbles += side.take().filter(({ to }) => to === TransmitTo.carrier).length;
      if (n % 50_000 !== 49_999) continue;
      // The peer in use goes on, in both directions.
      expect(side.receive(MAPPED, data(CLIENT, NATIVE))).toBe(Drop.none);
      expect(side.send(data(NATIVE, CLIENT))).toBe(Drop.none);
      if (n < 300_000) memory = process.memoryUsage().arrayBuffers;
    }
    const seconds = (side.now - began) / SECOND;
    expect(seconds).toBeCloseTo(100, 1);
    expect(process.memoryUsage().arrayBuffers - memory).toBeLessThan(1 << 20);
    expect(side.role.peers).toBeLessThanOrEqual(MAX_ASKED);
    const held = count.get(Verdict.hold) ?? 0;
    expect(held).toBeGreaterThan(0.99 * seconds * NEW_PEERS_RATE);
    expect(held).toBeLessThan(1.01 * seconds * NEW_PEERS_RATE);
    expect(bubbles).toBeLessThanOrEqual(4 * held);
    expect(held + (count.get(Drop.rate_limit) ?? 0)).toBe(1_000_000);
  });

  test('TRDO-RL-15: of those who speak first as many become peers as may; the others are forwarded all the same', () => {
    const side = new RelaySide({ maxPeers: 100_000 });
    const refused = Array.from({ length: 2_000 }, (_, n) => clientNumber(n)).filter(
      ([src, endpoint]) => side.receive(endpoint, data(src, NATIVE)) !== Drop.none,
    );
    expect([refused, side.role.peers]).toEqual([[], NEW_SPEAKERS_RATE / 10]);
    // That rate is not what those that are asked are let in by.
    expect(side.send(data(NATIVE, CLIENT))).toBe(Verdict.hold);
  });

  test('a full table of peers in use refuses newcomers, and asks nobody', () => {
    const side = new RelaySide({ maxPeers: 4 });
    for (let n = 0; n < 4; n++) {
      side.send(data(NATIVE, clientNumber(n)[0]));
      side.receive(clientNumber(n)[1], bubble(clientNumber(n)[0]));
    }
    side.take();
    expect([side.send(data(NATIVE, CLIENT)), side.sent]).toEqual([Drop.queue_full, []]);
    expect(side.receive(MAPPED, data(CLIENT, NATIVE))).toBe(Drop.none);
    expect([side.role.peers, side.send(data(NATIVE, clientNumber(2)[0]))]).toEqual([4, Drop.none]);
  });

  test('one host that speaks for as many clients as there are places keeps out nobody who is asked', () => {
    const side = RelaySide.acquainted({ maxPeers: 64 });
    const forge = () => {
      for (let n = 0; n < 100; n++) side.receive(clientNumber(256 * n)[1], data(clientNumber(256 * n)[0], NATIVE));
      side.pass(100);
    };
    forge();
    expect([side.role.peers, side.send(data(NATIVE, PEER))]).toEqual([64, Verdict.hold]);
    forge();
    expect(side.receive('198.51.100.118:4096', bubble(PEER))).toBe(Verdict.consumed);
    for (let n = 0; n < 20; n++) forge();
    // Both stay as they are in use.
    expect([side.send(data(NATIVE, PEER)), side.send(data(NATIVE, CLIENT)), side.role.peers]).toEqual([Drop.none, Drop.none, 64]);
  });

  test('TRDO-RL-15: while new destinations come faster than they may be asked, a peer that had fallen silent is asked', () => {
    const side = RelaySide.acquainted({ maxPeers: 8_192 });
    side.pass(31 * SECOND);
    const octets = data(NATIVE, CLIENT);
    for (let n = 0; n < 10_000; n++) {
      octets.set(be32(0x41000000 + n), 28);
      if (n % 100 === 0) side.pass(10);
      side.role.encapsulate(octets, 0, side.outer, side.now);
    }
    side.take();
    expect([side.send(data(NATIVE, CLIENT)), side.take().at(-1)?.remote]).toEqual([Verdict.hold, SERVER]);
    expect(side.send(data(NATIVE, PEER))).toBe(Drop.rate_limit);
  });

  test('when the tunnel stops, what is held is undeliverable', () => {
    const side = new RelaySide();
    side.send(data(NATIVE, CLIENT));
    side.take();
    side.role.withdraw();
    side.drain();
    expect(side.take().map(({ to }) => to)).toEqual([TransmitTo.undeliverable]);
  });

  test('a tunnel without an IPv4 address is down', () => {
    const side = new RelaySide({ local: [], ports: [] });
    expect([side.send(data(NATIVE, CLIENT)), side.receive(MAPPED, data(CLIENT, NATIVE))]).toEqual([Drop.tunnel_down, Drop.tunnel_down]);
  });
});

test('whatever is sent, answered or forged: four bubbles two seconds apart, nothing to strangers, and of what is held nothing is lost or doubled', () => {
  const who = fc.nat(3);
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('send' as const), who }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), who, isBubble: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('forge' as const), who }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(3_000), fc.nat(40_000)) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const side = new RelaySide({ maxPeers: 4 });
      const clients = [0, 1, 2, 3].map(clientNumber);
      /** When each was heard; what of its is held, by the number that is its length. */
      const heard = clients.map(() => Number.NEGATIVE_INFINITY);
      const held = new Set<string>();
      const bubbles: number[][] = clients.map(() => []);
      let octets = 64;
      const settle = () => {
        for (const { at, to, remote, octets: sent } of side.take()) {
          if (to === TransmitTo.carrier) {
            expect(remote).toBe(SERVER);
            bubbles[clients.findIndex(([client]) => client === formatIpv6(hex(sent), 24))].push(at);
            continue;
          }
          expect(held.delete(sent)).toBe(true);
          const client = clients.findIndex(([one]) => one === formatIpv6(hex(sent), 24));
          expect(to === TransmitTo.released).toBe(side.now - heard[client] < 30 * SECOND);
        }
      };
      for (const one of steps) {
        if (one.kind === 'wait') side.pass(one.ms);
        else {
          const [client, endpoint] = clients[one.who];
          if (one.kind === 'send') {
            const packet = data(NATIVE, client, octets++);
            const verdict = side.send(packet);
            const isUsable = side.now - heard[one.who] < 30 * SECOND;
            if (isUsable) expect([verdict, side.remote]).toEqual([Drop.none, endpoint]);
            else expect([Verdict.hold, Drop.queue_full]).toContain(verdict);
            if (verdict === Verdict.hold) held.add(toHex(packet));
          }
          if (one.kind === 'answer') {
            heard[one.who] = side.now;
            const verdict = side.receive(endpoint, one.isBubble ? bubble(client) : echoReply({ src: client, dst: NATIVE }));
            expect(verdict).toBe(one.isBubble ? Verdict.consumed : Drop.none);
          }
          if (one.kind === 'forge') expect(side.receive('198.51.100.99:9', bubble(client))).toBe(Drop.source_mismatch);
        }
        settle();
        expect(side.role.peers).toBeLessThanOrEqual(4);
        const next = side.role.nextTimeout();
        expect(next === Number.POSITIVE_INFINITY || (next > side.now && next <= side.now + 2 * SECOND)).toBe(true);
      }
      side.pass(8_000);
      settle();
      expect([held.size, side.role.nextTimeout()]).toEqual([0, Number.POSITIVE_INFINITY]);
      for (const at of bubbles) {
        for (let i = 1; i < at.length; i++) expect(at[i] - at[i - 1]).toBeGreaterThanOrEqual(2 * SECOND);
        for (let i = 4; i < at.length; i++) expect(at[i] - at[i - 4]).toBeGreaterThanOrEqual(8 * SECOND);
      }
    }),
    { numRuns: 300 },
  );
});

describe('beside a fast path', () => {
  /** One that notes what it is told, and has heard every peer at `heardAt`. */
  class NotedFlows implements Flows {
    readonly told: string[] = [];
    heardAt = Number.NEGATIVE_INFINITY;

    open(b: Uint8Array, off: number, at: Endpoint): void {
      this.told.push(`${formatIpv6(b, off)} is at ${formatIpv4(at.addr)}:${at.port}`);
    }

    close(b: Uint8Array, off: number): void {
      this.told.push(`${formatIpv6(b, off)} is gone`);
    }

    heard(): number {
      return this.heardAt;
    }

    clear(): void {
      this.told.push('all are gone');
    }
  }
  const THERE = `${CLIENT} is at ${MAPPED}`;

  test('it is told of a client when that is trusted, again no sooner than after 5 s, and when it is given up', () => {
    const flows = new NotedFlows();
    const side = new RelaySide({ flows });
    expect(flows.told.splice(0)).toEqual(['all are gone']);
    side.send(data(NATIVE, CLIENT));
    expect(flows.told).toEqual([]);
    side.receive(MAPPED, payloadOf('teredo_client_opens_relay'));
    side.receive(MAPPED, data(CLIENT, NATIVE));
    expect(flows.told.splice(0)).toEqual([THERE]);
    side.pass(4_999);
    side.receive(MAPPED, data(CLIENT, NATIVE));
    expect(flows.told).toEqual([]);
    side.pass(5_000);
    side.receive(MAPPED, data(CLIENT, NATIVE));
    expect(flows.told.splice(0)).toEqual([THERE]);
    side.pass(30_000);
    expect(side.send(data(NATIVE, CLIENT))).toBe(Verdict.hold);
    side.pass(8_000);
    expect(flows.told).toEqual([`${CLIENT} is gone`]);
  });

  test('a client that it hears does not give way to another; a stranger that does is gone from it', () => {
    const flows = new NotedFlows();
    const side = RelaySide.acquainted({ flows, maxPeers: 2 });
    side.receive(clientNumber(0)[1], bubble(clientNumber(0)[0]));
    side.pass(40_000);
    flows.heardAt = side.now - 1;
    flows.told.length = 0;
    expect(side.send(data(NATIVE, PEER))).toBe(Verdict.hold);
    expect([flows.told, side.role.peers]).toEqual([[`${clientNumber(0)[0]} is gone`], 2]);
    expect(side.send(data(NATIVE, clientNumber(1)[0]))).toBe(Drop.queue_full);
    expect(side.send(data(NATIVE, CLIENT))).toBe(Drop.none);
  });

  test('nobody is made known whose packets are refused', () => {
    const flows = new NotedFlows();
    const side = new RelaySide({ flows });
    side.receive('198.51.100.99:9', data(CLIENT, NATIVE));
    side.receive(MAPPED, data(CLIENT, CLIENT));
    expect(flows.told).toEqual(['all are gone']);
  });

  test('a client that it hears is not asked again, and falls silent thirty seconds after that', () => {
    const flows = new NotedFlows();
    const side = RelaySide.acquainted({ flows });
    side.pass(40_000);
    flows.heardAt = side.now - 10_000;
    expect([side.send(data(NATIVE, CLIENT)), side.remote]).toEqual([Drop.none, MAPPED]);
    side.pass(19_999);
    expect(side.send(data(NATIVE, CLIENT))).toBe(Drop.none);
    side.pass(1);
    expect(side.send(data(NATIVE, CLIENT))).toBe(Verdict.hold);
  });
});
