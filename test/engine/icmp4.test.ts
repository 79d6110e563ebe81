import { expect, test } from 'vitest';
import { Counters, IcmpKind, type IcmpKindName, icmpEvents } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import { Verdict } from '../../src/core/verdict.js';
import { Tunnel } from '../../src/engine/tunnel.js';
import { TransmitTo } from '../../src/role/role.js';
import { echoRequest, filler, icmp4Error, ipv4, ipv6, join, Next, toHex, udp6, unreachable6 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';
import { packet, vectors } from '../wire/vectors.js';
import { frameOf } from './memory-ports.js';
import { contextOf } from './role-context.js';

const RELAY = '192.88.99.1';
const ME = '192.0.2.42';
const ROUTER6 = '2002:c000:22a:1::1';
const HOP = '203.0.113.9';
const INNER = { src: '2002:c000:22a::1', dst: '3fff:0:1::80' };

/** The node of the shared vectors: 192.0.2.42, errors from the router's LAN address. */
function site(more = ''): { tunnel: Tunnel; counters: Counters } {
  const node = nodeOf(`
    [node]
    identity = "${ROUTER6}"
    [[tunnel]]
    type = "6to4"
    role = "router"
    local = "${ME}"
    mtu = 1480
    ${more}
    [policy]
    allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]`);
  const counters = new Counters();
  return { tunnel: new Tunnel(node.tunnels[0], counters, contextOf(node)), counters };
}

/** Shows `error` to a fresh site: what it says to IPv6, and what it counted. */
function hear(error: Uint8Array): { said: string[]; counted: IcmpKindName[] } {
  const { tunnel, counters } = site();
  expect(tunnel.fromIcmp4(frameOf(error), 0, true)).toBe(Verdict.consumed);
  const [out] = makeBatch(1, HEADROOM + 1300);
  const said: string[] = [];
  for (let to = tunnel.pollTransmit(out, 0); to !== TransmitTo.nowhere; to = tunnel.pollTransmit(out, 0)) {
    expect(to).toBe(TransmitTo.ipv6);
    said.push(toHex(out.b.slice(out.off, out.end)));
  }
  const counted = (Object.keys(IcmpKind) as IcmpKindName[]).filter((kind) => icmpEvents([counters.row], 0, IcmpKind[kind]) > 0);
  return { said, counted };
}

const sent = (inner: Uint8Array, flags = 0) => ipv4({ src: ME, dst: RELAY, flags }, inner);
const hostUnreachable = (about: Uint8Array, quoted?: number) => icmp4Error({ src: HOP, dst: ME }, 3, 1, 0, about, quoted);

test('F33: host unreachable becomes address unreachable, octet for octet as in the shared vectors', () => {
  const { said, counted } = hear(packet('icmp4_host_unreachable'));
  expect(said).toEqual([vectors.icmp_translation.icmp6_addr_unreachable_from_3_1]);
  expect(counted).toEqual(['sent_translated']);
});

test('F34: eight octets past the outer header are not enough, RFC 4213 section 3.4', () => {
  expect(hear(packet('icmp4_host_unreachable_short'))).toEqual({ said: [], counted: ['received_untranslatable'] });
});

test.each([
  [47, false],
  [48, true],
])('a quote of %i octets past the outer header: the error goes on: %s', (past, goesOn) => {
  const { said } = hear(hostUnreachable(sent(udp6(INNER)), 20 + past));
  expect(said.length).toBe(goesOn ? 1 : 0);
});

test.each([
  [3, 0, true],
  [3, 1, true],
  [3, 2, false],
  [3, 13, true],
  [11, 0, true],
  [11, 1, true],
  [12, 0, true],
])('type %i code %i is translated: %s', (type, code, translated) => {
  const about = sent(udp6(INNER));
  const { said, counted } = hear(icmp4Error({ src: HOP, dst: ME }, type, code, 0, about));
  expect(said).toEqual(translated ? [toHex(unreachable6(ROUTER6, about.subarray(20)))] : []);
  expect(counted).toEqual([translated ? 'sent_translated' : 'received_untranslatable']);
});

test('the middle of a fragmented packet is no IPv6 header, though it may look like one', () => {
  const forged = join(filler(8), udp6({ src: '2002:c000:22a::bad', dst: INNER.dst }));
  const whole = ipv6(INNER, Next.none, forged);
  // The second fragment starts where the forged header does.
  const second = ipv4({ src: ME, dst: RELAY, flags: 48 / 8 }, whole.subarray(48));
  expect(hear(hostUnreachable(second))).toEqual({ said: [], counted: ['received_untranslatable'] });
});

test.each<[string, Uint8Array]>([
  ['another source', hostUnreachable(ipv4({ src: '192.0.2.43', dst: RELAY }, udp6(INNER)))],
  ['another protocol', hostUnreachable(ipv4({ src: ME, dst: RELAY, protocol: 4 }, udp6(INNER)))],
  ['an inner source that is not ours', hostUnreachable(sent(udp6({ src: '2002:c000:22b::1', dst: INNER.dst })))],
  ['an outer destination that the inner one does not lead to', hostUnreachable(ipv4({ src: ME, dst: '198.51.100.7' }, udp6(INNER)))],
  ['a wrong ICMP checksum', hostUnreachable(sent(udp6(INNER))).with(22, 0xa5)],
])('an error that quotes %s is none of ours', (_, error) => {
  expect(hear(error)).toEqual({ said: [], counted: ['received_unrelated'] });
});

test('no error about an error, RFC 4443 section 2.4 e', () => {
  const { said, counted } = hear(hostUnreachable(sent(unreachable6(INNER.src, echoRequest({ src: INNER.dst, dst: INNER.src })))));
  expect({ said, counted }).toEqual({ said: [], counted: ['suppressed'] });
});

test('a thread that does not speak learns path MTUs all the same: its packets take the same path, RFC 1191 section 6.3', () => {
  const { tunnel, counters } = site('path-mtu-discovery = true');
  expect(tunnel.fromIcmp4(frameOf(packet('icmp4_frag_needed')), 0, false)).toBe(Verdict.consumed);
  expect(tunnel.fromIcmp4(frameOf(packet('icmp4_host_unreachable')), 0, false)).toBe(Verdict.consumed);
  const [out] = makeBatch(1, HEADROOM + 1300);
  expect(tunnel.pollTransmit(out, 0)).toBe(TransmitTo.nowhere);
  expect(counters.row.every((count) => count === 0)).toBe(true);

  const large = echoRequest({ src: '2002:c000:22a::1', dst: '3fff:0:1::80' }, vectors.icmp_translation.icmp4_frag_needed_mtu);
  expect(tunnel.fromV6(frameOf(large), 0)).toBe(Drop.too_big);
});

test('an error that quotes one of our addresses before an inner packet of another of them is none of ours', () => {
  const about = ipv4({ src: '198.51.100.7', dst: RELAY }, udp6(INNER));
  const { tunnel, counters } = site('accept = ["198.51.100.7"]');
  tunnel.fromIcmp4(frameOf(icmp4Error({ src: HOP, dst: '198.51.100.7' }, 3, 1, 0, about)), 0, true);
  expect(icmpEvents([counters.row], 0, IcmpKind.received_unrelated)).toBe(1);
});

test('what an error quotes behind the packet, padding or extensions of RFC 4884, is not passed on', () => {
  const about = sent(udp6(INNER));
  const error = icmp4Error({ src: HOP, dst: ME }, 11, 0, 0, join(about, filler(40)));
  expect(hear(error).said).toEqual([toHex(unreachable6(ROUTER6, about.subarray(20)))]);
});
