/** Teredo servers against RFC 4380 section 5.3, RFC 5991, RFC 6081 and the frames of the shared capture. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import { Verdict } from '../../src/core/verdict.js';
import { TEREDO_PREFIX } from '../../src/mapping/teredo.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { NO_HERITAGE, Outer, TransmitTo } from '../../src/role/role.js';
import { MAX_PASSED_ON, MAX_WAITING, SOURCE_RATE, TeredoServer, type TeredoServerOptions } from '../../src/role/teredo-server.js';
import { formatIpv4, formatIpv6, parsePrefix4 } from '../../src/wire/address.js';
import { IPV6_LEN } from '../../src/wire/ipv6.js';
import { readTeredo, TeredoMessage } from '../../src/wire/teredo.js';
import { seeded } from '../chance.js';
import { address, be16, be32, echoReply, echoRequest, icmp6, ipv6, join, Next, udp6 } from '../vectors/compose.js';
import { CLIENT, FRAMES, hmac, NONCE, PEER, payloadOf } from '../wire/teredo-frames.js';
import { hex, packet, toHex, vectors } from '../wire/vectors.js';
import { addr, KEYS, MAPPED, PRIMARY, SECONDARY } from './teredo-bench.js';

const RELAY = '3fff:0:ffff::1';
const NATIVE = '3fff:0:1::80';
const PEER_AT = '198.51.100.118:4096';
const RELAY_AT = '203.0.113.200:3545';
/** A client of the server at 203.0.113.120, seen as 198.51.100.118:4096. */
const STRANGER = '2001:0:cb00:7178:0:efff:39cc:9b89';
const SERVER_LINK_LOCAL = vectors.teredo_link_local.server;
const CLIENT_LINK_LOCAL = vectors.teredo_link_local.client_cone0;
/** Octets by which an advertisement is longer than the solicitation that it answers: 48 of options and fields, 8 of origin indication. */
const ADVERTISEMENT_GROWTH = 56;

/** What left: `address:port` of the socket and of whom it goes to. */
interface Sent {
  readonly from: string;
  readonly to: string;
  readonly payload: string;
}

/** What became of a payload. */
interface Outcome {
  readonly verdict: number;
  readonly sent: readonly Sent[];
  /** Octets for the IPv6 stack; null: none. */
  readonly native: string | null;
}

/** A server with its two sockets. */
class Service {
  readonly server: TeredoServer;
  readonly #local = [PRIMARY, SECONDARY];
  readonly #out = makeBatch(1, HEADROOM + 2048)[0];
  readonly #message = new TeredoMessage();
  #native: string | null = null;
  now = 0;

  constructor(more: Partial<TeredoServerOptions> = {}) {
    const allow = ['192.0.2.0/24', '203.0.113.0/24', '198.51.100.0/24'].flatMap((text) => parsePrefix4(text) ?? []);
    this.server = new TeredoServer({
      local: this.#local.map((text) => addr(text) | 0),
      ports: [3544, 3544],
      prefix: TEREDO_PREFIX,
      own: new OwnAddresses(this.#local.map(addr)),
      endpoints: new EndpointPolicy(allow),
      identity: null,
      mtu: 1280,
      hmac,
      random: seeded(4380),
      keys: [],
      ...more,
    });
  }

  /** A payload arrives, among dirt. */
  receive(payload: Uint8Array, from: string, socket = 0): number {
    this.#native = null;
    const off = 64;
    const b = new Uint8Array(off + payload.length + 64).fill(0xa5);
    b.set(payload, off);
    const end = off + payload.length;
    const malformed = readTeredo(b, off, end, this.#message);
    if (malformed !== Drop.none) return malformed;
    const outer = new Outer();
    const [text, port] = from.split(':');
    outer.remote.addr = addr(text);
    outer.remote.port = Number(port);
    outer.local.addr = addr(this.#local[socket]);
    outer.local.port = 3544;
    outer.socket = socket;
    outer.payload = off;
    outer.payloadEnd = end;
    const inner = this.#message.packet;
    const verdict = this.server.decapsulate(b, inner, outer, this.now);
    if (verdict === Drop.none) this.#native = toHex(b.slice(inner, this.#message.packetEnd));
    expect(toHex(b.slice(0, off)) + toHex(b.slice(end))).toMatch(/^(a5)*$/);
    return verdict;
  }

  /** What it sends, in order. */
  drain(): Sent[] {
    const out = this.#out;
    const sent: Sent[] = [];
    for (let i = 0; i <= MAX_WAITING; i++) {
      out.b.fill(0xa5);
      out.clear();
      const to = this.server.speaker.pollTransmit(out, this.now);
      if (to === TransmitTo.nowhere) return sent;
      expect(to).toBe(TransmitTo.carrier);
      const from = `${this.#local[out.socket]}:3544`;
      sent.push({ from, to: `${formatIpv4(out.remote.addr)}:${out.remote.port}`, payload: toHex(out.b.slice(out.off, out.end)) });
    }
    throw new Error(`more than ${MAX_WAITING} packets leave`);
  }

  /** A payload arrives a second after the one before, and what it does is seen at once. */
  take(payload: Uint8Array, from = MAPPED, socket = 0): Outcome {
    this.now += 1_000;
    const verdict = this.receive(payload, from, socket);
    return { verdict, sent: this.drain(), native: this.#native };
  }

  /** A frame of the capture arrives, by the socket that it was sent to, or else by the primary one. */
  frame(name: string): Outcome {
    const { from, to } = ends(name);
    return this.take(payloadOf(name), from, to === `${SECONDARY}:3544` ? 1 : 0);
  }
}

/** `address:port` of both ends of a frame. */
function ends(name: string): { from: string; to: string } {
  const b = packet(name);
  const end = (at: number, port: number) => `${b.slice(at, at + 4).join('.')}:${b[port] * 256 + b[port + 1]}`;
  return { from: end(12, 20), to: end(16, 22) };
}

/** A frame as something that left. */
const leaving = (name: string): Sent => ({ ...ends(name), payload: toHex(payloadOf(name)) });
const dropped = (verdict: number): Outcome => ({ verdict, sent: [], native: null });
const consumed = (...sent: Sent[]): Outcome => ({ verdict: Verdict.consumed, sent, native: null });

/** An origin indication, RFC 4380 section 5.1.1. */
function originOf(endpoint: string): string {
  const [text, port] = endpoint.split(':');
  return `0000${toHex(Uint8Array.from([...be16(~Number(port)), ...be32(~addr(text))]))}`;
}

const bubble = (src: string, dst: string, hopLimit = 255) => ipv6({ src, dst, hopLimit }, Next.none, new Uint8Array());
const solicitation = (src: string, dst = 'ff02::2', more: { hopLimit?: number; code?: number; options?: Uint8Array } = {}) =>
  icmp6({ src, dst, hopLimit: more.hopLimit ?? 255 }, 133, more.code ?? 0, join(new Uint8Array(4), more.options ?? new Uint8Array()));
/** Teredo address of a client of `server` that is seen as `endpoint`. */
function teredoAddress(endpoint: string, server = PRIMARY): string {
  const [text, port] = endpoint.split(':');
  return formatIpv6(
    Uint8Array.from([...be32(TEREDO_PREFIX), ...be32(addr(server)), 0, 0, ...be16(~Number(port)), ...be32(~addr(text))]),
    0,
  );
}

describe('frames of the capture', () => {
  test.each([
    ['F1, TRDO-SV-05, 16, 17, 18, 25: an advertisement with origin indication, prefix and MTU', 'teredo_rs_plain', 'teredo_ra_origin'],
    ['F2, TRDO-SV-24: a nonce comes back', 'teredo_rs_auth_nonce', 'teredo_ra_auth_origin'],
    ['F3, TRDO-SV-19, 26: the cone flag is honoured: the other address answers', 'teredo_rs_cone_auth_nonce', 'teredo_ra_cone_reply'],
    ['F12, TRDO-SV-06, 13, 14: a bubble is passed on with its origin', 'teredo_indirect_bubble', 'teredo_indirect_bubble_forwarded'],
    ['F17, TRDO-SV-07: a relay’s bubble is passed on to a client', 'teredo_relay_bubble', 'teredo_relay_bubble_forwarded'],
  ])('%s', (_, asked, answer) => {
    expect(new Service().frame(asked)).toEqual(consumed(leaving(answer)));
  });

  test('F4 to F7, TRDO-SV-23, TRDO-CL-23: in secure mode who signs is answered by one who signs', () => {
    expect(new Service({ keys: KEYS }).frame('teredo_rs_auth_hmac')).toEqual(consumed(leaving('teredo_ra_auth_hmac_origin')));
  });

  test('F10, TRDO-SV-20, 21: who asks the secondary address is answered by it, with the prefix of the primary one', () => {
    const asked = payloadOf('teredo_rs_auth_nonce');
    asked.set(hex('fedcba9876543210'), 4);
    expect(new Service().take(asked, '192.0.2.45:40001', 1)).toEqual(consumed(leaving('teredo_ra_symmetric')));
  });

  test('F3 at the secondary address is answered by the primary one', () => {
    const answer = { ...leaving('teredo_ra_cone_reply'), from: `${PRIMARY}:3544` };
    expect(new Service().take(payloadOf('teredo_rs_cone_auth_nonce'), MAPPED, 1)).toEqual(consumed(answer));
  });

  test('F16, TRDO-SV-11: a connectivity test goes to native IPv6', () => {
    const native = toHex(payloadOf('teredo_ping_test'));
    expect(new Service().frame('teredo_ping_test')).toEqual({ verdict: Drop.none, sent: [], native });
  });

  test.each(['teredo_indirect_bubble_trailers', 'teredo_indirect_bubble_hairpin'])('%s: trailers are passed on as they are', (name) => {
    const payload = originOf(MAPPED) + toHex(payloadOf(name));
    expect(new Service().frame(name)).toEqual(consumed({ from: `${PRIMARY}:3544`, to: PEER_AT, payload }));
  });

  test('each frame sent to the server by whoever sent it: what a server says is never for a server', () => {
    const verdicts = FRAMES.map(({ name }) => [name, new Service().frame(name).verdict]);
    const { loop, none, special_ipv4 } = Drop;
    const { consumed: taken } = Verdict;
    const expected = [
      ...[taken, taken, taken, taken, loop, loop, loop, loop, loop, loop], // 1 to 10
      ...[taken, taken, loop, taken, special_ipv4, none, taken, loop, none, taken, taken, taken, taken, taken], // 11 to 24
    ];
    expect(verdicts).toEqual(FRAMES.map(({ name }, i) => [name, expected[i]]));
  });

  test('TRDO-SV-02: each message cut anywhere is nothing, or loses trailers only', () => {
    const whole: Record<string, number> = { teredo_indirect_bubble_trailers: IPV6_LEN, teredo_indirect_bubble_hairpin: IPV6_LEN };
    for (const { name } of FRAMES) {
      const payload = payloadOf(name);
      for (let len = 0; len < payload.length; len++) {
        const service = new Service();
        const { from } = ends(name);
        const { verdict, sent, native } = service.take(payload.slice(0, len), from);
        if (len >= (whole[name] ?? (name === 'teredo_direct_bubble_slr' ? IPV6_LEN : Number.POSITIVE_INFINITY))) {
          expect(sent.map((s) => s.payload)).toEqual([originOf(from) + toHex(payload.slice(0, len))]);
        } else
          expect([name, len, [Drop.truncated, Drop.malformed_teredo].some((reason) => reason === verdict), sent, native]).toEqual([
            name,
            len,
            true,
            [],
            null,
          ]);
      }
    }
  });
});

describe('router solicitations', () => {
  test('its answer is longer than itself by origin indication, prefix and MTU, no more', () => {
    for (const name of ['teredo_rs_plain', 'teredo_rs_auth_nonce', 'teredo_rs_cone_auth_nonce'])
      expect(new Service().frame(name).sent[0].payload.length / 2).toBe(payloadOf(name).length + ADVERTISEMENT_GROWTH);
    expect(new Service({ keys: KEYS }).frame('teredo_rs_auth_hmac').sent[0].payload.length / 2).toBe(
      payloadOf('teredo_rs_auth_hmac').length + ADVERTISEMENT_GROWTH,
    );
  });

  test('a server with a prefix of its own advertises that one', () => {
    const { sent } = new Service({ prefix: 0x3ffe831f }).frame('teredo_rs_plain');
    expect(sent[0].payload.slice(-48, -16)).toBe(`3ffe831f4136e378${'0'.repeat(16)}`);
  });

  test('a server of one address cannot answer from another', () => {
    const alone = new Service({ local: [addr(PRIMARY) | 0], ports: [3544] });
    expect(alone.frame('teredo_rs_cone_auth_nonce')).toEqual(dropped(Drop.no_endpoint));
    expect(alone.frame('teredo_rs_auth_nonce')).toEqual(consumed(leaving('teredo_ra_auth_origin')));
  });

  test.each([
    ['from what Windows clients call themselves', solicitation('fe80::ffff:ffff:fffd'), Verdict.consumed],
    ['with an option', solicitation(CLIENT_LINK_LOCAL, 'ff02::2', { options: hex('0101020000000001') }), Verdict.consumed],
    ['RFC 4861 6.1.1: hop limit 254', solicitation(CLIENT_LINK_LOCAL, 'ff02::2', { hopLimit: 254 }), Drop.malformed_nd],
    ['RFC 4861 6.1.1: code 1', solicitation(CLIENT_LINK_LOCAL, 'ff02::2', { code: 1 }), Drop.malformed_nd],
    [
      'RFC 4861 6.1.1: an option of length 0',
      solicitation(CLIENT_LINK_LOCAL, 'ff02::2', { options: hex('0100020000000001') }),
      Drop.malformed_nd,
    ],
    ['RFC 4861 6.1.1: half an option', solicitation(CLIENT_LINK_LOCAL, 'ff02::2', { options: hex('01010200') }), Drop.malformed_nd],
    ['to the server itself', solicitation(CLIENT_LINK_LOCAL, SERVER_LINK_LOCAL), Drop.special_ipv6],
    ['to all nodes', solicitation(CLIENT_LINK_LOCAL, 'ff02::1'), Drop.special_ipv6],
    ['from no address', solicitation('::'), Drop.special_ipv6],
    ['from all nodes', solicitation('ff02::1'), Drop.special_ipv6],
    ['from a Teredo address', solicitation(CLIENT), Drop.special_ipv6],
    ['TRDO-SV-10: from a Teredo address to another', solicitation(CLIENT, PEER), Drop.malformed_nd],
    ['an advertisement', icmp6({ src: CLIENT_LINK_LOCAL, dst: 'ff02::2', hopLimit: 255 }, 134, 0, new Uint8Array(12)), Drop.not_relayed],
    ['an echo request', echoRequest({ src: CLIENT_LINK_LOCAL, dst: 'ff02::2' }), Drop.not_relayed],
    ['a bubble', bubble(CLIENT_LINK_LOCAL, 'ff02::2'), Drop.not_relayed],
  ])('%s', (_, octets, verdict) => {
    const outcome = new Service().take(octets);
    expect([outcome.verdict, outcome.sent.length, outcome.native]).toEqual([verdict, verdict === Verdict.consumed ? 1 : 0, null]);
  });

  test('RFC 4861 6.1.1: any flipped bit of the message', () => {
    for (let at = IPV6_LEN; at < IPV6_LEN + 8; at++)
      for (let bit = 0; bit < 8; bit++) {
        const octets = payloadOf('teredo_rs_plain');
        octets[at] ^= 1 << bit;
        const { verdict, sent } = new Service().take(octets);
        expect([at, bit, verdict === Drop.malformed_nd || verdict === Drop.not_relayed, sent]).toEqual([at, bit, true, []]);
      }
  });

  test.each([
    '10.0.0.1',
    '192.168.1.10',
    '127.0.0.1',
    '169.254.1.1',
    '100.64.0.1',
    '224.0.0.253',
    '255.255.255.255',
    '0.0.0.0',
    '240.0.0.1',
  ])('TRDO-SV-04, 22: from %s: silence', (text) => {
    expect(new Service().take(payloadOf('teredo_rs_plain'), `${text}:40000`)).toEqual(dropped(Drop.special_ipv4));
  });

  test('from port 0 nobody can be answered', () => {
    expect(new Service().take(payloadOf('teredo_rs_plain'), '192.0.2.45:0')).toEqual(dropped(Drop.no_endpoint));
  });

  test('in the name of the server itself: no loop', () => {
    for (const own of [PRIMARY, SECONDARY])
      expect(new Service().take(payloadOf('teredo_rs_plain'), `${own}:3544`)).toEqual(dropped(Drop.loop));
  });

  test('an origin indication in front of a question is not believed', () => {
    const asked = join(hex(originOf('203.0.113.66:1')), payloadOf('teredo_rs_plain'));
    expect(new Service().take(asked)).toEqual(consumed(leaving('teredo_ra_origin')));
  });
});

describe('secure mode', () => {
  const OTHER_KEY = { identifier: hex('ff'.repeat(255)), secret: hex('00') };
  const signed = payloadOf('teredo_rs_auth_hmac');
  const IDENTIFIER = 4;
  const VALUE = IDENTIFIER + KEYS[0].identifier.length;
  const NONCE_AT = VALUE + 20;

  test.each([
    ['TRDO-CL-23: any octet of the value', VALUE],
    ['the last octet of the value', NONCE_AT - 1],
    ['TRDO-CL-20: the nonce', NONCE_AT],
    ['the confirmation', NONCE_AT + 8],
    ['the source address', NONCE_AT + 9 + 23],
    ['TRDO-CL-24: the client identifier, which is then another’s', IDENTIFIER],
  ])('altered: %s', (_, at) => {
    const octets = signed.slice();
    octets[at] ^= 1;
    // The checksum is mended, so that only the authentication is wrong.
    if (at === NONCE_AT + 9 + 23) octets[octets.length - 5] ^= 1;
    expect(new Service({ keys: KEYS }).take(octets)).toEqual(dropped(Drop.unauthenticated));
  });

  test.each(['teredo_rs_plain', 'teredo_rs_auth_nonce', 'teredo_rs_cone_auth_nonce'])('TRDO-SV-05: %s is not signed: silence', (name) => {
    expect(new Service({ keys: KEYS }).frame(name)).toEqual(dropped(Drop.unauthenticated));
  });

  test('TRDO-SV-05: of an unknown client: silence', () => {
    expect(new Service({ keys: [OTHER_KEY] }).frame('teredo_rs_auth_hmac')).toEqual(dropped(Drop.unauthenticated));
  });

  test('among keys of many lengths each client’s own is found, the longest identifier too', () => {
    const keys = [OTHER_KEY, { identifier: hex(''), secret: hex('01') }, ...KEYS];
    expect(new Service({ keys }).frame('teredo_rs_auth_hmac')).toEqual(consumed(leaving('teredo_ra_auth_hmac_origin')));
    const rs = toHex(payloadOf('teredo_rs_plain'));
    const answered = keys.map(({ identifier, secret }) => {
      const covered = `${NONCE}00${rs}`;
      const value = createHmac('sha1', secret).update(hex(covered)).digest('hex');
      const head = `0001${toHex(Uint8Array.of(identifier.length, 20))}${toHex(identifier)}`;
      const { sent } = new Service({ keys }).take(hex(head + value + covered));
      const text = sent[0].payload;
      const mac = createHmac('sha1', secret)
        .update(hex(text.slice(head.length + 40)))
        .digest('hex');
      expect(text.slice(head.length + 40)).toBe(`${NONCE}00${toHex(payloadOf('teredo_ra_origin'))}`);
      return text.startsWith(head + mac);
    });
    expect(answered).toEqual([true, true, true]);
  });

  test('bubbles need no key', () => {
    expect(new Service({ keys: KEYS }).frame('teredo_indirect_bubble')).toEqual(consumed(leaving('teredo_indirect_bubble_forwarded')));
  });

  test('a server without keys gives a client that signs its nonce back, unsigned', () => {
    expect(new Service().frame('teredo_rs_auth_hmac')).toEqual(consumed(leaving('teredo_ra_auth_origin')));
  });
});

describe('what is passed on', () => {
  test('TRDO-SV-15: to a client of another server without an origin indication', () => {
    const octets = bubble(CLIENT, STRANGER);
    expect(new Service().take(octets)).toEqual(consumed({ from: `${PRIMARY}:3544`, to: PEER_AT, payload: toHex(octets) }));
  });

  test('TRDO-SV-14: with an origin indication from a server in the upper half of the address space too', () => {
    const high = new Service({ local: [addr('203.0.113.120') | 0], ports: [3544], own: new OwnAddresses([addr('203.0.113.120')]) });
    const octets = bubble(CLIENT, STRANGER);
    expect(high.take(octets).sent.map(({ payload }) => payload)).toEqual([originOf(MAPPED) + toHex(octets)]);
  });

  test('TRDO-SV-13: what comes by the secondary address leaves by the primary one', () => {
    expect(new Service().take(payloadOf('teredo_indirect_bubble'), MAPPED, 1)).toEqual(
      consumed(leaving('teredo_indirect_bubble_forwarded')),
    );
  });

  test('TRDO-SV-30: random flags in the addresses of both', () => {
    const [source, destination] = [CLIENT.replace(':0:63bf', ':3cf1:63bf'), PEER];
    const octets = bubble(source, destination);
    expect(new Service().take(octets).sent).toEqual([{ from: `${PRIMARY}:3544`, to: PEER_AT, payload: originOf(MAPPED) + toHex(octets) }]);
  });

  test('what stands in front of a packet is not passed on: nobody speaks in the server’s name', () => {
    const octets = payloadOf('teredo_indirect_bubble');
    const forged = [originOf('203.0.113.66:1'), `00010000${NONCE}00`, `00010000${NONCE}01${originOf('203.0.113.66:1')}`];
    for (const head of forged)
      expect(new Service().take(join(hex(head), octets))).toEqual(consumed(leaving('teredo_indirect_bubble_forwarded')));
  });

  test('TRDO-SV-27: a relay on this host may ask for a client', () => {
    const { sent } = new Service().take(payloadOf('teredo_relay_bubble'), `${PRIMARY}:3545`);
    expect(sent).toEqual([
      { from: `${PRIMARY}:3544`, to: MAPPED, payload: originOf(`${PRIMARY}:3545`) + toHex(payloadOf('teredo_relay_bubble')) },
    ]);
  });

  test('a relay without an address of its own asks from a link-local one, as Miredo’s does', () => {
    const asking = bubble('fe80::1234:5678:9abc:def0', CLIENT);
    expect(new Service().take(asking, RELAY_AT).sent).toEqual([
      { from: `${PRIMARY}:3544`, to: MAPPED, payload: originOf(RELAY_AT) + toHex(asking) },
    ]);
  });

  test('an echo between clients, and errors', () => {
    for (const octets of [
      echoRequest({ src: CLIENT, dst: PEER }),
      echoReply({ src: CLIENT, dst: PEER }, 48),
      icmp6({ src: CLIENT, dst: PEER }, 1, 3, new Uint8Array(44)),
    ])
      expect(new Service().take(octets).sent).toEqual([
        { from: `${PRIMARY}:3544`, to: PEER_AT, payload: originOf(MAPPED) + toHex(octets) },
      ]);
  });

  test('a packet of 128 octets passes, trailers included; one more does not', () => {
    const octets = echoRequest({ src: CLIENT, dst: PEER }, MAX_PASSED_ON);
    expect(octets.length).toBe(128);
    expect(new Service().take(octets).verdict).toBe(Verdict.consumed);
    expect(new Service().take(join(octets, Uint8Array.of(0)))).toEqual(dropped(Drop.too_big));
    expect(new Service().take(echoRequest({ src: CLIENT, dst: NATIVE }, 129))).toEqual(dropped(Drop.too_big));
    expect(new Service().take(join(bubble(CLIENT, PEER), new Uint8Array(89)))).toEqual(dropped(Drop.too_big));
  });

  test.each([
    ['TRDO-SV-03: UDP inside', udp6({ src: CLIENT, dst: PEER }), MAPPED, Drop.not_relayed],
    ['TRDO-SV-03: TCP inside', ipv6({ src: CLIENT, dst: NATIVE }, Next.tcp, new Uint8Array(20)), MAPPED, Drop.not_relayed],
    ['TRDO-SV-03: a bubble with a payload', ipv6({ src: CLIENT, dst: PEER }, Next.none, new Uint8Array(8)), MAPPED, Drop.not_relayed],
    [
      'TRDO-SV-03: a routing header in front',
      ipv6({ src: CLIENT, dst: NATIVE }, Next.routing, hex('3a00000000000000')),
      MAPPED,
      Drop.not_relayed,
    ],
    ['TRDO-SV-03: a fragment', ipv6({ src: CLIENT, dst: NATIVE }, Next.fragment, hex('3a00000100000001')), MAPPED, Drop.not_relayed],
    ['TRDO-SV-03: too short for ICMPv6', ipv6({ src: CLIENT, dst: PEER }, Next.icmp6, hex('80000000000000')), MAPPED, Drop.not_relayed],
    ['TRDO-SV-08: from another port', bubble(CLIENT, PEER), '192.0.2.45:40001', Drop.source_mismatch],
    ['TRDO-SV-08: from another address', bubble(CLIENT, PEER), '192.0.2.46:40000', Drop.source_mismatch],
    ['TRDO-SV-08: from nowhere in Teredo to a client of another server', bubble(RELAY, STRANGER), RELAY_AT, Drop.not_relayed],
    ['TRDO-SV-08: from native to native', echoRequest({ src: RELAY, dst: NATIVE }), RELAY_AT, Drop.not_relayed],
    ['TRDO-SV-12: to a client at a private address', bubble(CLIENT, teredoAddress('10.0.0.1:4096')), MAPPED, Drop.special_ipv4],
    ['TRDO-SV-12: to a client at 127.0.0.1', bubble(CLIENT, teredoAddress('127.0.0.1:4096')), MAPPED, Drop.special_ipv4],
    ['TRDO-SV-12: to everybody', bubble(CLIENT, teredoAddress('255.255.255.255:4096')), MAPPED, Drop.special_ipv4],
    [
      'TRDO-SV-12: from a relay to a client at a private address',
      bubble(RELAY, teredoAddress('10.0.0.1:4096')),
      RELAY_AT,
      Drop.special_ipv4,
    ],
    ['to a client at port 0', bubble(CLIENT, teredoAddress('192.0.2.46:0')), MAPPED, Drop.no_endpoint],
    ['RFC 6324: to the server as a client', bubble(CLIENT, teredoAddress(`${PRIMARY}:3544`)), MAPPED, Drop.loop],
    ['RFC 6324: to its other address', bubble(CLIENT, teredoAddress(`${SECONDARY}:9`)), MAPPED, Drop.loop],
    ['RFC 6324: to its 6to4 prefix', echoRequest({ src: CLIENT, dst: '2002:4136:e378::1' }), MAPPED, Drop.loop],
    ['RFC 6324: to it in some ISATAP site', echoRequest({ src: CLIENT, dst: '3fff:1::200:5efe:4136:e379' }), MAPPED, Drop.loop],
    ['RFC 6324: from its 6to4 prefix', bubble('2002:4136:e378::1', CLIENT), RELAY_AT, Drop.loop],
    ['TRDO-SV-10: to a link-local address', echoRequest({ src: CLIENT, dst: 'fe80::1' }), MAPPED, Drop.special_ipv6],
    ['TRDO-SV-10: to all nodes', bubble(CLIENT, 'ff02::1'), MAPPED, Drop.special_ipv6],
    ['TRDO-SV-10: to loopback', echoRequest({ src: CLIENT, dst: '::1' }), MAPPED, Drop.special_ipv6],
    ['TRDO-SV-10: to a mapped address', echoRequest({ src: CLIENT, dst: '::ffff:10.0.0.1' }), MAPPED, Drop.special_ipv6],
    ['TRDO-SV-10: into this site', echoRequest({ src: CLIENT, dst: 'fd00::1' }), MAPPED, Drop.special_ipv6],
    ['TRDO-SV-10: to a deprecated site', echoRequest({ src: CLIENT, dst: 'fec0::1' }), MAPPED, Drop.special_ipv6],
    ['TRDO-EN-23: from a group', bubble('ff02::1', CLIENT), RELAY_AT, Drop.special_ipv6],
    ['from loopback', bubble('::1', CLIENT), RELAY_AT, Drop.special_ipv6],
    ['an echo from a link-local address to a client', echoRequest({ src: 'fe80::1', dst: CLIENT }), RELAY_AT, Drop.special_ipv6],
    ['a bubble from there to a client of another server', bubble('fe80::1', STRANGER), RELAY_AT, Drop.special_ipv6],
    [
      'a bubble from there to a client at a private address',
      bubble('fe80::1', teredoAddress('10.0.0.1:4096')),
      RELAY_AT,
      Drop.special_ipv4,
    ],
    ['a redirect to a client', icmp6({ src: RELAY, dst: CLIENT, hopLimit: 255 }, 137, 0, new Uint8Array(36)), RELAY_AT, Drop.malformed_nd],
    [
      'an advertisement to a client',
      icmp6({ src: CLIENT, dst: PEER, hopLimit: 255 }, 134, 0, new Uint8Array(12)),
      MAPPED,
      Drop.malformed_nd,
    ],
  ])('%s', (_, octets, from, verdict) => {
    expect(new Service().take(octets, from)).toEqual(dropped(verdict));
  });

  test('addresses that the host has in a private network do not lead back to it', () => {
    const lab = { endpoints: new EndpointPolicy([{ addr: 0, len: 0 }]), own: new OwnAddresses([addr('10.0.0.1'), addr(PRIMARY)]) };
    expect(new Service(lab).take(bubble(CLIENT, teredoAddress('10.0.0.1:3544')))).toEqual(dropped(Drop.loop));
    expect(new Service(lab).take(bubble(CLIENT, teredoAddress('10.0.0.2:3544'))).verdict).toBe(Verdict.consumed);
  });
});

describe('the server itself', () => {
  test('TRDO-SV-09: an echo request is answered the way it came', () => {
    for (const [socket, local] of [PRIMARY, SECONDARY].entries()) {
      const answer = echoReply({ src: SERVER_LINK_LOCAL, dst: CLIENT, hopLimit: 64 });
      expect(new Service().take(echoRequest({ src: CLIENT, dst: SERVER_LINK_LOCAL }), MAPPED, socket)).toEqual(
        consumed({ from: `${local}:3544`, to: MAPPED, payload: toHex(answer) }),
      );
    }
  });

  test.each([
    ['in another’s name', echoRequest({ src: CLIENT, dst: SERVER_LINK_LOCAL }), PEER_AT, Drop.source_mismatch],
    ['from a native address', echoRequest({ src: NATIVE, dst: SERVER_LINK_LOCAL }), RELAY_AT, Drop.not_relayed],
    [
      'from a link-local one, which check 4 wants to ask only',
      echoRequest({ src: CLIENT_LINK_LOCAL, dst: SERVER_LINK_LOCAL }),
      MAPPED,
      Drop.special_ipv6,
    ],
    ['a reply', echoReply({ src: CLIENT, dst: SERVER_LINK_LOCAL }), MAPPED, Drop.not_relayed],
    ['code 1', icmp6({ src: CLIENT, dst: SERVER_LINK_LOCAL }, 128, 1, new Uint8Array(4)), MAPPED, Drop.not_relayed],
    ['a bubble', bubble(CLIENT, SERVER_LINK_LOCAL), MAPPED, Drop.not_relayed],
    ['as large as a packet may be', echoRequest({ src: CLIENT, dst: SERVER_LINK_LOCAL }, 1280), MAPPED, Drop.too_big],
  ])('%s: silence', (_, octets, from, verdict) => {
    expect(new Service().take(octets, from)).toEqual(dropped(verdict));
  });

  test('nothing goes into it from a device: it has none', () => {
    const { server } = new Service();
    const b = bubble(NATIVE, CLIENT);
    expect([server.encapsulate(), server.route()]).toEqual([Drop.no_endpoint, Drop.no_endpoint]);
    expect([server.claims(b, 0), server.claims(bubble(NATIVE, RELAY), 0)]).toEqual([true, false]);
    expect([server.isOwn(address(SERVER_LINK_LOCAL), 0), server.isOwn(address(CLIENT), 0)]).toEqual([true, false]);
    expect([server.speaker.peers, server.speaker.nextTimeout(), server.speaker.heritage(0)]).toEqual([
      0,
      Number.POSITIVE_INFINITY,
      NO_HERITAGE,
    ]);
  });

  test('errors come from the node’s identity, or from the server’s link-local address', () => {
    const identity = address('3fff::1');
    expect(new Service({ identity }).server.errorSource).toBe(identity);
    expect(toHex(new Service().server.errorSource)).toBe(toHex(address(SERVER_LINK_LOCAL)));
  });

  test('a tunnel that is down has nothing to say', () => {
    const down = new Service({ local: [], ports: [] });
    expect(down.drain()).toEqual([]);
  });
});

describe('TRDO-SV-28: whatever comes', () => {
  test('one source has its burst and its rate, and others have theirs', () => {
    const service = new Service();
    const rs = payloadOf('teredo_rs_plain');
    let answered = 0;
    for (let i = 0; i < 3_000; i++) {
      service.now += 0.1;
      const verdict = service.receive(rs, `192.0.2.45:${1024 + i}`);
      expect([Verdict.consumed, Drop.rate_limit]).toContain(verdict);
      answered += service.drain().length;
    }
    expect(answered).toBeGreaterThanOrEqual(SOURCE_RATE * 0.3);
    expect(answered).toBeLessThanOrEqual(SOURCE_RATE * (0.3 + 0.1));
    expect(service.receive(rs, '203.0.113.9:40000')).toBe(Verdict.consumed);
  });

  test('every way through has the rate', () => {
    const ways = [
      payloadOf('teredo_rs_plain'),
      payloadOf('teredo_indirect_bubble'),
      payloadOf('teredo_ping_test'),
      echoRequest({ src: CLIENT, dst: SERVER_LINK_LOCAL }),
    ];
    for (const octets of ways) {
      const service = new Service();
      const verdicts = Array.from({ length: 200 }, () => service.receive(octets, MAPPED));
      expect(verdicts.filter((verdict) => verdict === Drop.rate_limit).length).toBe(200 - SOURCE_RATE / 10);
    }
  });

  test('what nobody fetches waits in a bounded queue, and leaves in order', () => {
    const service = new Service();
    const rs = payloadOf('teredo_rs_plain');
    const verdicts = Array.from({ length: MAX_WAITING + 10 }, (_, i) => service.receive(rs, `203.0.113.${i % 50}:${1024 + i}`));
    expect(verdicts).toEqual([...new Array(MAX_WAITING).fill(Verdict.consumed), ...new Array(10).fill(Drop.queue_full)]);
    expect(service.drain().map(({ to }) => to)).toEqual(Array.from({ length: MAX_WAITING }, (_, i) => `203.0.113.${i % 50}:${1024 + i}`));
    expect(service.frame('teredo_rs_plain')).toEqual(consumed(leaving('teredo_ra_origin')));
  });

  test('never more out than in, never longer by more than an advertisement is, never to where nobody may be; and it is as it was', () => {
    const corpus = [
      ...FRAMES.map(({ name }) => payloadOf(name)),
      echoRequest({ src: CLIENT, dst: SERVER_LINK_LOCAL }),
      bubble(CLIENT, STRANGER),
      bubble(CLIENT, teredoAddress('10.0.0.1:1')),
    ];
    const sources = [MAPPED, PEER_AT, RELAY_AT, `${PRIMARY}:3544`, '10.0.0.1:9', '192.0.2.45:0'];
    const policy = new EndpointPolicy(['192.0.2.0/24', '203.0.113.0/24', '198.51.100.0/24'].flatMap((text) => parsePrefix4(text) ?? []));
    for (const keys of [[], KEYS]) {
      const service = new Service({ keys });
      const change = fc.record({ at: fc.nat(200), to: fc.nat(255) });
      const payloads = fc.record({
        octets: fc.oneof(fc.constantFrom(...corpus), fc.uint8Array({ maxLength: 200 })),
        changes: fc.array(change, { maxLength: 4 }),
        cut: fc.nat(40),
        tail: fc.uint8Array({ maxLength: 30 }),
        from: fc.constantFrom(...sources),
        socket: fc.nat(1),
      });
      fc.assert(
        fc.property(payloads, ({ octets, changes, cut, tail, from, socket }) => {
          const b = join(octets.slice(0, octets.length - (cut > 30 ? cut - 30 : 0)), cut > 20 ? tail : new Uint8Array());
          for (const { at, to } of changes) if (at < b.length) b[at] = to;
          const { verdict, sent, native } = service.take(b, from, socket);
          expect(sent.length).toBe(verdict === Verdict.consumed ? 1 : 0);
          expect(native === null).toBe(verdict !== Drop.none);
          for (const { to, payload } of sent) {
            const [text, port] = to.split(':');
            expect(payload.length / 2).toBeLessThanOrEqual(b.length + ADVERTISEMENT_GROWTH);
            expect([policy.special(addr(text)), port === '0', [PRIMARY, SECONDARY].includes(text)]).toEqual([false, false, false]);
          }
          expect((native ?? '').length / 2).toBeLessThanOrEqual(MAX_PASSED_ON);
        }),
        { numRuns: 4_000, seed: 4380 },
      );
      const [asked, answer] =
        keys.length === 0 ? ['teredo_rs_plain', 'teredo_ra_origin'] : ['teredo_rs_auth_hmac', 'teredo_ra_auth_hmac_origin'];
      expect(service.frame(asked)).toEqual(consumed(leaving(answer)));
    }
  });
});
