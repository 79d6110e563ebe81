import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Counters } from '../../src/core/counters.js';
import { DROPS, Drop } from '../../src/core/drop.js';
import type { Frame } from '../../src/core/frame.js';
import { Verdict } from '../../src/core/verdict.js';
import type { HostFacts } from '../../src/engine/spec.js';
import { Tunnel } from '../../src/engine/tunnel.js';
import { address, be16, echoRequest, filler, hex, ipv4, ipv6, join, Next, udp6 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';
import { octetsOf, referenceChecksum } from '../wire/octet-arrays.js';
import { packet } from '../wire/vectors.js';
import { frameOf } from './memory-ports.js';
import { contextOf } from './role-context.js';

const ALLOW = '[policy]\nallow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]';
const A = { ipv4: '192.0.2.42', prefix: '2002:c000:22a:' };
const B = { ipv4: '198.51.100.7', prefix: '2002:c633:6407:' };
const WEB = '3fff:0:1::80';

/** The only tunnel of a node. */
function tunnel(role: string, local: string, more = '', node = '', facts: Partial<HostFacts> = {}): Tunnel {
  const spec = nodeOf(`[node]\n${node}\n[[tunnel]]\ntype = "6to4"\nrole = "${role}"\nlocal = "${local}"\n${more}\n${ALLOW}`, facts);
  return new Tunnel(spec.tunnels[0], new Counters(), contextOf(spec));
}

const octets = (frame: Frame): Uint8Array => frame.b.slice(frame.off, frame.end);

/** What becomes of a packet: its octets, or the name of the reason why not. */
function fate(verdict: number, frame: Frame): Uint8Array | string {
  return verdict === Verdict.forward ? octets(frame) : (DROPS.find(({ code }) => code === verdict)?.name ?? `verdict ${verdict}`);
}

function fromV6(t: Tunnel, inner: Uint8Array): Uint8Array | string {
  const frame = frameOf(inner);
  return fate(t.fromV6(frame, 0), frame);
}

function fromV4(t: Tunnel, outer: Uint8Array): Uint8Array | string {
  const frame = frameOf(outer);
  return fate(t.fromV4(frame, 0), frame);
}

/** An IPv6 address in the /48 of a site. */
const addressIn = (site: { prefix: string }) =>
  fc
    .tuple(...Array.from({ length: 5 }, () => fc.integer({ min: 0, max: 0xffff })))
    .map((groups) => `${site.prefix}${groups.map((group) => group.toString(16)).join(':')}`);

/** A whole IPv6 packet between the two. */
const packetBetween = (src: fc.Arbitrary<string>, dst: fc.Arbitrary<string>) =>
  fc
    .record({
      src,
      dst,
      hopLimit: fc.integer({ min: 2, max: 255 }),
      trafficClass: fc.integer({ min: 0, max: 255 }),
      flowLabel: fc.integer({ min: 0, max: 0xfffff }),
      payload: fc.uint8Array({ maxLength: 1240 }),
    })
    .map(({ payload, ...header }) => ipv6(header, Next.none, payload));

describe('encapsulation', () => {
  test('between two sites a packet comes out as it went in, octet for octet, hop limit and all', () => {
    fc.assert(
      fc.property(packetBetween(addressIn(A), addressIn(B)), (inner) => {
        const frame = frameOf(inner);
        expect(tunnel('router', A.ipv4).fromV6(frame, 0)).toBe(Verdict.forward);
        expect(octets(frame).subarray(0, 20)).toEqual(ipv4({ src: A.ipv4, dst: B.ipv4 }, inner).subarray(0, 20));
        expect(tunnel('host', B.ipv4).fromV4(frame, 0)).toBe(Verdict.forward);
        expect(octets(frame)).toEqual(inner);
      }),
    );
  });

  test('the outer header is that of RFC 4213 section 3.5, whatever the inner packet', () => {
    fc.assert(
      fc.property(packetBetween(addressIn(A), addressIn(B)), (inner) => {
        expect(fromV6(tunnel('router', A.ipv4), inner)).toEqual(ipv4({ src: A.ipv4, dst: B.ipv4 }, inner));
      }),
    );
  });

  test.each(['6to4_peer', '6to4_to_relay', '6to4_relay_probe'])('%s of the shared vectors leaves 192.0.2.42 as it is there', (name) => {
    const expected = packet(name);
    const out = fromV6(tunnel('host', A.ipv4), expected.slice(20));
    if (typeof out === 'string') expect.fail(out);
    // Identification and checksum are the sender's IPv4 stack's to choose.
    for (const at of [4, 5, 10, 11]) out[at] = expected[at];
    expect(out).toEqual(expected);
  });

  test.each(['6to4_peer', '6to4_tos_ecn', '6to4_padded'])('%s of the shared vectors arrives at 198.51.100.7', (name) => {
    const outer = packet(name);
    const out = fromV4(tunnel('host', B.ipv4), outer);
    expect(out).toEqual(outer.slice(20, 20 + 40 + outer[20 + 4] * 256 + outer[20 + 5]));
  });

  test.each([
    ['ttl = 1', { ttl: 1 }],
    ['ttl = 255', { ttl: 255 }],
    ['dscp = 46', { tos: 46 << 2 }],
    ['dscp = "copy"', { tos: 0x28 }],
    ['ecn = "normal"', { tos: 0x02 }],
    ['ecn = "normal"\ndscp = "copy"', { tos: 0x2a }],
    ['ecn = "normal"\ndscp = 46', { tos: (46 << 2) | 2 }],
  ])('with %s the outer header says %o, and the inner packet is untouched', (more, expected) => {
    const inner = echoRequest({ src: `${A.prefix}:1`, dst: `${B.prefix}:1`, trafficClass: 0x2a });
    expect(fromV6(tunnel('host', A.ipv4, more), inner)).toEqual(ipv4({ src: A.ipv4, dst: B.ipv4, ...expected }, inner));
  });

  test('octets behind the packet are not sent', () => {
    const inner = echoRequest({ src: `${A.prefix}:1`, dst: `${B.prefix}:1` });
    expect(fromV6(tunnel('host', A.ipv4), join(inner, filler(9)))).toEqual(ipv4({ src: A.ipv4, dst: B.ipv4 }, inner));
  });

  test('with several local addresses, the outer source is the one that the inner source carries', () => {
    const both = tunnel('router', A.ipv4, 'accept = ["203.0.113.7"]');
    const inner = echoRequest({ src: '2002:cb00:7107:5::1', dst: `${B.prefix}:1` });
    expect(fromV6(both, inner)).toEqual(ipv4({ src: '203.0.113.7', dst: B.ipv4 }, inner));
  });

  test('IPv4 that was routed into the device is no IPv6: a tunnel never carries itself', () => {
    const inner = echoRequest({ src: `${A.prefix}:1`, dst: `${B.prefix}:1` });
    expect(fromV6(tunnel('host', A.ipv4), ipv4({ src: A.ipv4, dst: B.ipv4 }, inner))).toBe('not_ipv6');
  });
});

describe('static MTU, RFC 4213 section 3.2.1', () => {
  const toB = (len: number) => udp6({ src: `${A.prefix}:1`, dst: `${B.prefix}:1` }, len);

  test.each([
    ['', 1280],
    ['mtu = 1400', 1400],
    ['mtu = 1480', 1480],
  ])('%s: up to %i octets go, DF clear, one more is too big', (more, most) => {
    const t = tunnel('host', A.ipv4, more);
    expect(fromV6(t, toB(most))).toEqual(ipv4({ src: A.ipv4, dst: B.ipv4, flags: 0 }, toB(most)));
    expect(fromV6(t, toB(most + 1))).toBe('too_big');
  });

  test('with path MTU discovery a path of which nothing is known takes what the device takes, more than 1500 octets too', () => {
    const t = tunnel('host', A.ipv4, 'mtu = 4000\npath-mtu-discovery = true');
    expect(fromV6(t, toB(4000))).toEqual(ipv4({ src: A.ipv4, dst: B.ipv4, flags: 0x4000 }, toB(4000)));
    expect(fromV6(t, toB(4001))).toBe('too_big');
  });

  test('a packet of 1500 octets in an outer one of 1520 is received: the IPv6 MRU is no smaller than RFC 4213 section 3.6 asks', () => {
    const inner = udp6({ src: `${A.prefix}:1`, dst: `${B.prefix}:1` }, 1500);
    expect(fromV4(tunnel('host', B.ipv4), ipv4({ src: A.ipv4, dst: B.ipv4 }, inner))).toEqual(inner);
  });
});

describe('decapsulation', () => {
  const inner = echoRequest({ src: `${A.prefix}:1`, dst: `${B.prefix}:1` });
  const host = () => tunnel('host', B.ipv4);

  test('options are passed over by the header length, padding is cut by the inner length', () => {
    for (let words = 0; words <= 10; words++) {
      const options = new Uint8Array(4 * words).fill(1);
      expect(
        fromV4(
          host(),
          join(ipv4({ src: A.ipv4, dst: B.ipv4, options, totalLen: 20 + 4 * words + inner.length + 4 }, inner), hex('eeeeeeee')),
        ),
      ).toEqual(inner);
    }
  });

  test('an inner packet that is longer than the outer one says is truncated, though the octets are there', () => {
    const outer = ipv4({ src: A.ipv4, dst: B.ipv4, totalLen: 20 + inner.length - 1 }, inner);
    expect(fromV4(host(), outer)).toBe('truncated');
  });

  test('a fragment is no packet: the IPv4 stack puts them together first', () => {
    for (const flags of [0x2000, 0x0001, 0x2001])
      expect(fromV4(host(), ipv4({ src: A.ipv4, dst: B.ipv4, flags }, inner))).toBe('truncated');
    expect(fromV4(host(), ipv4({ src: A.ipv4, dst: B.ipv4, flags: 0x4000 }, inner))).toEqual(inner);
  });

  test('every prefix of an outer packet with a whole header is truncated or not_ipv6, never more', () => {
    const whole = ipv4({ src: A.ipv4, dst: B.ipv4 }, inner);
    for (let len = 20; len < whole.length; len++) {
      const cut = ipv4({ src: A.ipv4, dst: B.ipv4, totalLen: len }, inner.slice(0, len - 20));
      expect(fromV4(host(), cut)).toBe('truncated');
    }
  });

  test.each([0, 1, 4, 5, 7, 15])('an inner version of %i is not_ipv6', (version) => {
    expect(
      fromV4(
        host(),
        ipv4({ src: A.ipv4, dst: B.ipv4 }, ipv6({ src: `${A.prefix}:1`, dst: `${B.prefix}:1`, version }, Next.none, filler(8))),
      ),
    ).toBe('not_ipv6');
  });

  test('a packet whose source is an address of this node came back, or was forged: loop', () => {
    const own6 = address('2001:db8:77::7');
    const t = tunnel('host', B.ipv4, '', 'identity = "2001:db8:b000::1"', { ipv6: [own6] });
    const from = (src: string) => ipv4({ src: '192.88.99.1', dst: B.ipv4 }, echoRequest({ src, dst: `${B.prefix}:1` }));
    expect([fromV4(t, from('2001:db8:77::7')), fromV4(t, from('2001:db8:b000::1'))]).toEqual(['loop', 'loop']);
    expect(fromV4(t, from('2001:db8:77::8'))).toBeInstanceOf(Uint8Array);
  });

  test.each(['host', 'router', 'relay'])(
    'a %s takes a packet for one of its own addresses at any hop limit, and only for those',
    (role) => {
      const t = tunnel(role, B.ipv4, '', 'identity = "2001:db8:b000::1"');
      const own = role === 'relay' ? `${B.prefix}:` : `${B.prefix}:1`;
      for (const hopLimit of [0, 1, 2, 255]) {
        const spent = echoRequest({ src: `${A.prefix}:1`, dst: own, hopLimit });
        expect(fromV4(t, ipv4({ src: A.ipv4, dst: B.ipv4 }, spent))).toEqual(spent);
      }
      expect(fromV4(t, ipv4({ src: A.ipv4, dst: B.ipv4 }, echoRequest({ src: `${A.prefix}:1`, dst: `${B.prefix}:9`, hopLimit: 1 })))).toBe(
        'hop_limit',
      );
    },
  );
});

describe('source routing, RFC 6169 section 2.3.3', () => {
  const ends = { src: `${A.prefix}:1`, dst: `${B.prefix}:1` };
  const routing = (type: number, left: number) => Uint8Array.of(Next.none, 2, type, left, 0, 0, 0, 0, ...address('2001:db8::9'));
  const options = (next: number) => Uint8Array.of(next, 0, 1, 4, 0, 0, 0, 0);

  test.each<[string, Uint8Array, string | null]>([
    ['type 0 with segments left', ipv6(ends, Next.routing, routing(0, 1)), 'source_routing'],
    ['type 0, used up', ipv6(ends, Next.routing, routing(0, 0)), null],
    ['type 2, mobile IPv6', ipv6(ends, Next.routing, routing(2, 1)), null],
    ['type 0 behind destination options', ipv6(ends, Next.destination, join(options(Next.routing), routing(0, 1))), 'source_routing'],
    [
      'type 0 in a first fragment',
      ipv6(ends, Next.fragment, join(Uint8Array.of(Next.routing, 0, 0, 1, 0, 0, 0, 9), routing(0, 1))),
      'source_routing',
    ],
    [
      'the same octets in a later fragment',
      ipv6(ends, Next.fragment, join(Uint8Array.of(Next.routing, 0, 0, 9, 0, 0, 0, 9), routing(0, 1))),
      null,
    ],
    [
      'nine empty options before it',
      ipv6(
        ends,
        Next.destination,
        join(...Array.from({ length: 8 }, () => options(Next.destination)), options(Next.routing), routing(0, 1)),
      ),
      'source_routing',
    ],
  ])('%s', (_, inner, reason) => {
    expect(fromV6(tunnel('host', A.ipv4), inner)).toEqual(reason ?? ipv4({ src: A.ipv4, dst: B.ipv4 }, inner));
    expect(fromV4(tunnel('host', B.ipv4), ipv4({ src: A.ipv4, dst: B.ipv4 }, inner))).toEqual(reason ?? inner);
  });
});

describe('what a slot holds beside the packet', () => {
  const outer = fc.oneof(
    packetBetween(addressIn(A), addressIn(B)).map((inner) => ipv4({ src: A.ipv4, dst: B.ipv4 }, inner)),
    fc
      .tuple(packetBetween(addressIn(A), addressIn(B)), fc.nat(60))
      .map(([inner, cut]) => ipv4({ src: A.ipv4, dst: B.ipv4 }, inner.slice(0, cut))),
    octetsOf(80).map((b) => ipv4({ src: A.ipv4, dst: B.ipv4 }, b)),
  );

  test('never changes a verdict or an octet of what is sent', () => {
    fc.assert(
      fc.property(outer, (b) => {
        const [clean, dirty] = [0x00, 0xff].map((dirt) => {
          const frame = frameOf(b, dirt);
          const inner = frameOf(b.slice(20), dirt);
          return [fate(tunnel('relay', B.ipv4).fromV4(frame, 0), frame), fate(tunnel('router', A.ipv4).fromV6(inner, 0), inner)];
        });
        expect(dirty).toEqual(clean);
      }),
    );
  });

  test('a packet that is dropped is left as it was, and so is all that surrounds it', () => {
    const forged = ipv4(
      { src: '203.0.113.66', dst: B.ipv4, tos: 3 },
      echoRequest({ src: `${A.prefix}:1`, dst: `${B.prefix}:1`, trafficClass: 2 }),
    );
    const frame = frameOf(forged);
    const before = frame.b.slice();
    expect(tunnel('host', B.ipv4).fromV4(frame, 0)).toBe(Drop.source_mismatch);
    expect([frame.b, octets(frame)]).toEqual([before, forged]);
  });
});

test('the checksum of the outer header is right for every TOS, length, TTL and pair of addresses', () => {
  const site = fc.record({
    dscp: fc.integer({ min: 0, max: 63 }),
    ttl: fc.integer({ min: 1, max: 255 }),
    len: fc.integer({ min: 48, max: 1280 }),
    v4: fc.integer({ min: 0x01000000, max: 0x09ffffff }),
  });
  fc.assert(
    fc.property(site, ({ dscp, ttl, len, v4 }) => {
      const [high, low] = [be16(v4 >>> 16), be16(v4)].map(([x, y]) => ((x << 8) | y).toString(16));
      const out = fromV6(
        tunnel('host', A.ipv4, `dscp = ${dscp}\nttl = ${ttl}`),
        udp6({ src: `${A.prefix}:1`, dst: `2002:${high}:${low}::1` }, len),
      );
      if (typeof out === 'string') expect.fail(out);
      expect(referenceChecksum(out.subarray(0, 20))).toBe(0);
    }),
  );
});

test('a web server that is not in 6to4 is reached by the relay, one that is never', () => {
  const t = tunnel('host', A.ipv4, 'relay = "203.0.113.1"');
  const out = (dst: string) => {
    const sent = fromV6(t, echoRequest({ src: `${A.prefix}:1`, dst }));
    return typeof sent === 'string' ? sent : [...sent.subarray(16, 20)].join('.');
  };
  expect([out(WEB), out('2002:c633:6407::1')]).toEqual(['203.0.113.1', '198.51.100.7']);
  expect(fromV6(tunnel('host', A.ipv4, 'relay = "none"'), echoRequest({ src: `${A.prefix}:1`, dst: WEB }))).toBe('no_endpoint');
});
