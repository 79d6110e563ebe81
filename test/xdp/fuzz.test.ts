/**
 * The engine against the program in the kernel: whatever the program forwards, the engine forwards too, octet for octet.
 * Everything else is passed up, unchanged. Each packet that it takes is counted once.
 *
 * `TSUNAGI_LONG` makes it a million packets; `TSUNAGI_FUZZ_SEED` the same ones again.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DIRECTIONS } from '../../src/core/counters.js';
import { Explainer } from '../../src/engine/explain.js';
import { hostPlan } from '../../src/engine/host-plan.js';
import type { NodeSpec, TunnelSpec } from '../../src/engine/spec.js';
import { formatIpv4, formatIpv6, in6, parsePrefix6 } from '../../src/wire/address.js';
import { address, be16, datagram, udp6 } from '../vectors/compose.js';
import { comparable } from '../vectors/load.js';
import { nodeOf } from '../vectors/node.js';
import { describeWithPrograms, FastNode } from './fast-node.js';
import { type Client, type NearPacket, nearPackets, upperSum } from './near-packets.js';

const PACKETS = process.env.TSUNAGI_LONG === undefined ? 9_000 : 1_000_000;
const SEED = Number(process.env.TSUNAGI_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const HOP_LIMIT = 7;
const IPV6_DST = 24;
const IPV4_LEN = 20;
const UDP_LEN = 8;

const ALLOW = '[policy]\nallow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]';
const IDENTITY = '[node]\nidentity = "2620:0:b::1"';
const tunnel = (type: string, role: string, local: string, ...more: string[]): string =>
  ['[[tunnel]]', `type = "${type}"`, `role = "${role}"`, `local = "${local}"`, ...more].join('\n');
const lines = (...parts: string[]): string => parts.join('\n');

const TEREDO = 'a Teredo relay with clients that it trusts';

const NODES: readonly (readonly [name: string, toml: string])[] = [
  ['a 6to4 relay', lines(IDENTITY, tunnel('6to4', 'relay', '192.88.99.1', 'accept = ["192.0.2.1"]', 'mtu = 1480'), ALLOW)],
  [
    'a 6to4 relay that lets nothing special through, and copies what it can',
    tunnel('6to4', 'relay', '192.1.2.3', 'dscp = "copy"', 'ecn = "normal"', 'ttl = 255'),
  ],
  [
    'a border relay',
    lines(IDENTITY, tunnel('6rd', 'border-relay', '10.0.0.1', 'prefix = "2001:db8::/32"', 'ipv4-mask-length = 8', 'dscp = 10')),
  ],
  [
    'an anycast border relay of a prefix that ends in the middle of an octet',
    tunnel('6rd', 'border-relay', '192.88.99.201', 'prefix = "2a02:1230::/29"', 'ipv4-mask-length = 0', 'anycast = true', 'mtu = 1400'),
  ],
  [
    'a border relay of a long prefix',
    tunnel('6rd', 'border-relay', '172.16.0.9', 'prefix = "2a02:1:2:34c0::/58"', 'ipv4-mask-length = 12'),
  ],
  ['a router of ISATAP', lines(IDENTITY, tunnel('isatap', 'router', '192.0.2.1', 'prefix = "2001:db8:0:1::/64"', 'ecn = "normal"'))],
  [
    'all of them on one address, beside tunnels that are not offloaded',
    lines(
      IDENTITY,
      tunnel('isatap', 'router', '192.0.2.1', 'prefix = "2001:db9:0:1::/64"'),
      tunnel('6rd', 'border-relay', '192.0.2.1', 'prefix = "2001:db8::/32"', 'ipv4-mask-length = 8'),
      tunnel(
        '6rd',
        'customer-edge',
        '192.0.2.1',
        'name = "edge"',
        'prefix = "2a02:1230::/29"',
        'ipv4-mask-length = 8',
        'border-relays = ["192.0.2.9"]',
      ),
      tunnel('6to4', 'relay', '192.0.2.1'),
      tunnel('6to4', 'host', '198.51.100.1', 'name = "host"', 'interface = "tunhost"'),
      ALLOW,
    ),
  ],
  [TEREDO, lines(IDENTITY, tunnel('teredo', 'relay', '198.51.100.7'), ALLOW)],
  [
    'two 6to4 relays',
    lines(
      tunnel('6to4', 'relay', '192.88.99.1', 'name = "anycast"', 'interface = "tunany"'),
      tunnel('6to4', 'relay', '192.0.2.1', 'name = "unicast"', 'interface = "tununi"'),
      ALLOW,
    ),
  ],
];

/** The tunnel into whose device the kernel routes what is for the address at `b[off..)`; undefined: into none. */
function routed(spec: NodeSpec, b: Uint8Array, off: number): string | undefined {
  const routes = hostPlan(spec).flatMap((step) =>
    step.kind === 'route' && step.interface !== null && step.from === undefined ? [step] : [],
  );
  const known = routes
    .flatMap(({ to, interface: device }) => ({ prefix: parsePrefix6(to), device }))
    .filter(({ prefix }) => prefix !== null && in6(b, off, prefix))
    // Of two for the same the later one has replaced the other.
    .reverse()
    .sort((x, y) => (y.prefix?.len ?? 0) - (x.prefix?.len ?? 0));
  return spec.tunnels.find(({ interface: device }) => device === known[0]?.device)?.name;
}

/** `octets` with the hop limit of the IPv6 packet at `off` changed by `by`. */
function counted(octets: Uint8Array, off: number, by: number): Uint8Array {
  const changed = Uint8Array.from(octets);
  if (changed.length > off + HOP_LIMIT) changed[off + HOP_LIMIT] += by;
  return changed;
}

/** What the engine makes of a packet that arrives, the kernel having counted down the hop limit in front of it or behind it. */
function byEngine(engine: Explainer, spec: NodeSpec, { from, octets }: NearPacket): string {
  const given = from === 'v4' ? octets : counted(octets, 0, -1);
  const name = from === 'v4' ? undefined : routed(spec, octets, IPV6_DST);
  const { verdict, reason, out } = engine.explain(from, given, 0, name);
  if (out === null) return `${verdict} ${reason}`;
  return comparable(from === 'v4' ? counted(out, 0, -1) : out);
}

/** A client of Teredo behind a NAT that shows it as `port` of `ipv4`. */
function client(ipv4: string, port: number): Client {
  const server = address('203.0.113.2');
  const endpoint = address(ipv4);
  const octets = Uint8Array.of(0x20, 1, 0, 0, ...server, 0x12, 0x34, ...be16(port ^ 0xffff), ...endpoint.map((octet) => ~octet));
  return { octets, endpoint: Buffer.from(endpoint).readUInt32BE(), port };
}

const RELAY = { local: '198.51.100.7', port: 3545 };
const CLIENTS = [client('203.0.113.5', 40_000), client('192.0.2.9', 1), client('198.51.100.77', 65_535), client('203.0.113.255', 3545)];

/** The relay trusts its clients, who have spoken first; nothing is said by them again. */
function trust(engine: Explainer, node: FastNode, { slot }: TunnelSpec): void {
  const heard = process.hrtime.bigint() + 3_600_000_000_000n;
  for (const { octets, endpoint, port } of CLIENTS) {
    const from = `${formatIpv4(endpoint)}:${port}`;
    const said = udp6({ src: formatIpv6(octets), dst: '3fff:0:1::80' });
    expect(engine.explain('v4', datagram(from, `${RELAY.local}:${RELAY.port}`, said), 0).verdict).toBe('forward');
    node.tables.setFlow({ slot, address: octets, endpoint, port, heard, sent: 0n });
  }
}

/**
 * Octets for comparison. Of Teredo the program knows the checksum of UDP by the headers alone, given that of the upper layer
 * is right. Where it is not, whoever the packet is for drops it; on the way the checksums of UDP differ.
 */
function shown(text: string, isDamaged: boolean): string {
  return isDamaged && text.slice(18, 20) === '11' ? `${text.slice(0, 52)}0000${text.slice(56)}` : text;
}

describeWithPrograms(`${PACKETS} packets from seed ${SEED}`, () => {
  let node: FastNode;
  beforeAll(() => {
    node = new FastNode();
  });
  afterAll(() => node.close());

  test.each(NODES.map(([name, toml], i) => ({ name, toml, seed: SEED + i })))(
    '$name',
    ({ name, toml, seed }) => {
      const spec = nodeOf(toml);
      node.configure(spec);
      for (const { slot } of spec.tunnels) node.tables.clear(slot);
      const engine = new Explainer(spec);
      const isTeredo = name === TEREDO;
      if (isTeredo) trust(engine, node, spec.tunnels[0]);
      const carrierLen = isTeredo ? IPV4_LEN + UDP_LEN : IPV4_LEN;
      const numRuns = Math.ceil(PACKETS / NODES.length);
      const before = node.tables.passed();
      const taken = { v4: { packets: 0, octets: 0 }, v6: { packets: 0, octets: 0 } };
      node.inside(() =>
        fc.assert(
          fc.property(nearPackets(spec, isTeredo ? CLIENTS : []), (packet) => {
            const out = node.forward(packet.from, packet.octets);
            if (out === null) return;
            taken[packet.from].packets++;
            taken[packet.from].octets += out.length - (packet.from === 'v4' ? 0 : carrierLen);
            const isDamaged = isTeredo && upperSum(packet.octets.subarray(packet.from === 'v4' ? carrierLen : 0)) !== 0;
            const expected = byEngine(engine, spec, packet);
            if (isDamaged && expected === 'drop not_local') return;
            expect(shown(comparable(out), isDamaged)).toBe(shown(expected, isDamaged));
          }),
          { numRuns, seed },
        ),
      );
      const sums = DIRECTIONS.map((direction) => {
        const all = spec.tunnels.map(({ slot }) => node.tables.forwarded(slot)[direction]);
        return { packets: all.reduce((n, { packets }) => n + packets, 0), octets: all.reduce((n, { octets }) => n + octets, 0) };
      });
      expect(sums).toEqual([taken.v6, taken.v4]);
      const passed = [...node.passedSince(before)].map(([why, n]) => `${n} ${why}`).join(', ');
      console.info(`${name}: ${taken.v4.packets} in and ${taken.v6.packets} out of ${numRuns}; passed up: ${passed}`);
      expect((taken.v4.packets + taken.v6.packets) / numRuns).toBeGreaterThan(0.1);
    },
    Math.max(60_000, PACKETS),
  );
});
