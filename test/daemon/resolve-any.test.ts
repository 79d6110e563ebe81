import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { resolve } from '../../src/daemon/resolve.js';
import { hostPlan } from '../../src/engine/host-plan.js';
import { NodeContext } from '../../src/engine/node.js';
import type { HostAddress4, HostFacts, TeredoSpec } from '../../src/engine/spec.js';
import { socketsOf } from '../../src/engine/technologies.js';
import type { Lease } from '../../src/role/dhcp-client.js';
import type { Learned, Qualification } from '../../src/role/role.js';
import type { PortMapping } from '../../src/role/teredo-node.js';
import { formatIpv4, formatPrefix6, type Prefix6, parseIpv6 } from '../../src/wire/address.js';
import { readOption212, type SixRdOption, writeOption212 } from '../../src/wire/option-212.js';
import { tunnel } from '../config/documents.js';
import { ip, LINK_LOCAL, MAC } from './host.js';

const addr = fc.oneof(
  { arbitrary: fc.constantFrom('10.0.0.1', '10.1.2.3', '10.4.5.6', '8.8.8.8', '172.16.1.1', '9.9.9.9').map(ip), weight: 12 },
  fc.constantFrom('10.1.2.255', '192.88.99.201', '127.0.0.1', '0.0.0.0').map(ip),
  fc.nat(0xffffffff),
);
/** An address of another node, as a rule. */
const other = fc.oneof({ arbitrary: fc.constantFrom('10.0.0.9', '172.16.1.9', '192.88.99.202').map(ip), weight: 8 }, addr);
/** Addresses at which a Teredo server may be. */
const PUBLIC = ['8.8.8.8', '9.9.9.9'].map(ip);
const ONE_LINK: readonly HostAddress4[] = PUBLIC.map((own) => ({ addr: own, len: 24, interface: 'eth1' }));
const public4 = fc.oneof({ arbitrary: fc.constantFrom(...PUBLIC), weight: 8 }, addr).map((value) => `"${formatIpv4(value)}"`);
const text4 = addr.map((value) => `"${formatIpv4(value)}"`);

/** Any prefix, the bits behind its length being zero. */
const prefix: fc.Arbitrary<Prefix6> = fc
  .record({
    octets: fc.oneof(
      { arbitrary: fc.constantFrom('2001:db8::', '2001:db8:ff00::', '3fff::', '2400:8500::').map(octetsOf), weight: 6 },
      fc.constantFrom('2002::', '::', 'fe80::').map(octetsOf),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    ),
    len: fc.oneof({ arbitrary: fc.constantFrom(28, 32, 40, 64), weight: 4 }, fc.nat(128)),
  })
  .map(({ octets, len }) => ({ addr: octets.map((octet, i) => octet & (0xff00 >>> Math.min(8, Math.max(0, len - 8 * i)))), len }));

function octetsOf(text: string): Uint8Array {
  return parseIpv6(text) ?? expect.fail(text);
}

/** Whatever the reader of options lets through. */
const option: fc.Arbitrary<SixRdOption> = fc
  .record({ prefix, ipv4MaskLen: fc.integer({ min: 0, max: 32 }), borderRelays: fc.array(other, { minLength: 1, maxLength: 3 }) })
  .map((said) => readOption212(writeOption212(said).subarray(2)))
  .filter((read) => !('fault' in read))
  .map((read) => read as SixRdOption);

const lease: fc.Arbitrary<Lease> = fc.record({
  address: addr,
  assigned: fc.constantFrom(true, true, false),
  prefixLen: fc.integer({ min: 0, max: 32 }),
  router: fc.option(addr),
  server: fc.option(addr),
  sixRd: fc.option(option, { freq: 8 }),
  sixRdFault: fc.constantFrom(null, null, null, null, 'length 3'),
  until: fc.oneof(fc.constant(Infinity), fc.nat(1e9)),
});

const QUALIFIED: Qualification = {
  state: 'qualified',
  address: octetsOf('2001:0:808:808::1'),
  server: ip('8.8.8.8'),
  mapped: { addr: ip('9.9.9.9'), port: 1 },
  localPort: 1,
  nat: null,
  gateway: null,
  refreshSeconds: 30,
  failure: null,
};

const end = fc.record({ addr, port: fc.integer({ min: 1, max: 0xffff }) });
const portMapping: fc.Arbitrary<PortMapping> = fc.record({
  gateway: fc.option(addr),
  local: end,
  by: fc.constantFrom(null, 'pcp', 'nat-pmp', 'upnp'),
  external: fc.option(end),
  failure: fc.constantFrom(null, 'it refuses'),
});

const until = fc.nat(1e9);
const learned: fc.Arbitrary<Learned> = fc.record({
  routers: fc.array(
    fc.record({ address: fc.constant(LINK_LOCAL), preference: fc.constantFrom('low', 'medium', 'high'), until, reachable: fc.boolean() }),
    {
      maxLength: 2,
    },
  ),
  prefixes: fc.array(
    fc.record({
      prefix,
      onLink: fc.boolean(),
      autonomous: fc.boolean(),
      preferred: fc.boolean(),
      validUntil: until,
      preferredUntil: until,
    }),
    { maxLength: 3 },
  ),
  routes: fc.constant([]),
  mtu: fc.constantFrom(0, 1280),
  teredo: fc.constantFrom(null, QUALIFIED),
}) as fc.Arbitrary<Learned>;

/** Most of the map's keys, each with any value. */
const most = <T>(keys: readonly string[], value: fc.Arbitrary<T>): fc.Arbitrary<ReadonlyMap<string, T>> =>
  fc
    .tuple(
      ...keys.map((key) =>
        fc.option(
          value.map((one) => [key, one] as const),
          { freq: 8 },
        ),
      ),
    )
    .map((entries) => new Map(entries.filter((entry) => entry !== null)));

const DEVICES = ['eth0', 'eth1', 'lan0'] as const;
const TUNNELS = ['t0', 't1', 't2', 't3'] as const;

const facts: fc.Arbitrary<HostFacts> = fc.record({
  hostName: fc.string(),
  ipv4: fc
    .tuple(
      fc.array(fc.record({ addr, len: fc.integer({ min: 0, max: 32 }), interface: fc.constantFrom(...DEVICES) }), { maxLength: 4 }),
      fc.constantFrom([], ONE_LINK, ONE_LINK, ONE_LINK),
    )
    .map(([some, others]) => [...some, ...others]),
  ipv6: fc.subarray(['::1', '2001:0:808:808::1', '2001:db8::7'].map(octetsOf)),
  defaultSource: fc.option(addr),
  linkLocal: most(DEVICES, fc.constant(LINK_LOCAL)),
  mac: most(DEVICES, fc.constant(MAC)),
  forwards6: fc.boolean(),
  found: fc.record({
    leases: most(DEVICES, lease),
    learned: most(TUNNELS, learned),
    names: most(['isatap', 'r.example'], fc.array(other, { maxLength: 20 })),
    portMappings: most(TUNNELS, portMapping),
  }),
});

const maybe = (line: fc.Arbitrary<string>) => fc.option(line, { nil: '' });
const lan = fc.nat(300).map((subnet) => `lan = [{ interface = "lan0", subnet = ${subnet} }]`);
const local = text4.map((text) => `local = ${text}`);
const domain = fc.oneof(
  fc
    .record({ prefix, mask: fc.integer({ min: 0, max: 32 }) })
    .map(({ prefix: said, mask }) => `prefix = "${formatPrefix6(said)}"\nipv4-mask-length = ${mask}`),
  option.map((said) => `option-212 = "${Buffer.from(writeOption212(said)).toString('hex')}"`),
);
const relays = fc
  .uniqueArray(
    other.map((value) => `"${formatIpv4(value)}"`),
    { minLength: 1, maxLength: 3 },
  )
  .map((list) => `border-relays = [${list.join()}]`);
const routers = fc.uniqueArray(
  fc.oneof(
    other.map((value) => `"${formatIpv4(value)}"`),
    fc.constantFrom('"isatap"', '"r.example"'),
  ),
  { minLength: 1, maxLength: 4 },
);

/** A tunnel of any type and role; its name and device are given by its place. */
const section: fc.Arbitrary<(lines: string) => string> = fc.oneof(
  fc.tuple(maybe(local), maybe(lan)).map((lines) => (more: string) => tunnel('6to4', 'router', more, ...lines)),
  fc
    .tuple(local, maybe(local.map((line) => line.replace('local = ', 'accept = [').concat(']'))))
    .map((lines) => (more: string) => tunnel('6to4', 'relay', more, ...lines)),
  fc.tuple(maybe(local), domain, relays, maybe(lan)).map(
    ([own, said, list, site]) =>
      (more: string) =>
        tunnel('6rd', 'customer-edge', more, own, said, said.startsWith('option') ? '' : list, site),
  ),
  fc.tuple(fc.constantFrom(...DEVICES), maybe(lan)).map(
    ([device, site]) =>
      (more: string) =>
        tunnel('6rd', 'customer-edge', more, `dhcp-interface = "${device}"`, site),
  ),
  fc.tuple(local, domain, fc.boolean()).map(
    ([own, said, anycast]) =>
      (more: string) =>
        tunnel('6rd', 'border-relay', more, own, said, `anycast = ${anycast}`),
  ),
  fc.tuple(maybe(local), routers).map(
    ([own, list]) =>
      (more: string) =>
        tunnel('isatap', 'host', more, own, `potential-routers = [${list.join()}]`),
  ),
  fc.tuple(maybe(local), fc.nat(9)).map(
    ([own, n]) =>
      (more: string) =>
        tunnel('isatap', 'router', more, own, `prefix = "2001:db8:0:${n}::/64"`),
  ),
  fc
    .tuple(
      maybe(local),
      public4.map((text) => `server = ${text}`),
      ...['port-mapping = true', 'local-discovery = true', 'refresh-interval = "auto"'].map((line) => maybe(fc.constant(line))),
    )
    .map((lines) => (more: string) => tunnel('teredo', 'client', more, ...lines)),
  fc
    .tuple(
      public4.map((text) => `local = ${text}`),
      public4.map((text) => `secondary = ${text}`),
    )
    .map((lines) => (more: string) => tunnel('teredo', 'server', more, ...lines)),
  fc.tuple(maybe(public4.map((text) => `local = ${text}`)), fc.nat(65535)).map(
    ([own, port]) =>
      (more: string) =>
        tunnel('teredo', 'relay', more, own, `port = ${port}`),
  ),
);

/** The addresses at which a Teredo tunnel that is up hears. */
const own4 = ({ local: [first], secondary }: TeredoSpec): number[] => (secondary === null ? [first] : [first, secondary]);

const file = fc
  .tuple(fc.array(section, { minLength: 1, maxLength: TUNNELS.length }), fc.integer({ min: 1, max: 2 }))
  .map(([sections, workers]) => `workers = ${workers}\n${sections.map((section, i) => section(`name = "${TUNNELS[i]}"`)).join('')}`);

test('whatever a valid file, a host, a DHCPv4 server and DNS say, there is a node, and its engine can be built', () => {
  const seen = { valid: 0, up: 0, leased: 0, isatap: 0, client: 0, server: 0, relay: 0 };
  fc.assert(
    fc.property(file, facts, (toml, host) => {
      const { config } = parseConfig(toml, 't.toml');
      if (config === null) return;
      seen.valid++;
      const { node } = resolve(config, host, new Map());
      expect(node.tunnels.length).toBe(config.tunnels.length);
      expect(new Set(node.dhcp.map((client) => client.interface)).size).toBe(node.dhcp.length);
      const has = new Set([
        ...host.ipv4.map((own) => own.addr),
        ...node.dhcp.flatMap(({ lease: one }) => (one?.assigned ? [one.address] : [])),
      ]);
      for (const one of node.tunnels) {
        expect(one.local.length > 0).toBe(one.down === null);
        expect(one.assign).toEqual(one.local.filter((own) => !has.has(own)));
        expect(one.local.every((own) => node.ownIpv4.includes(own) && !node.broadcasts.includes(own))).toBe(true);
        if (one.down !== null) continue;
        seen.up++;
        if (one.type === '6rd') {
          expect(one.domain).not.toBeNull();
          expect(one.relays.length > 0).toBe(one.role === 'customer-edge');
          expect(one.relays.some((relay) => one.local.includes(relay))).toBe(false);
          if (node.dhcp.some(({ lease: its }) => its?.address === one.local[0])) seen.leased++;
        }
        if (one.type === 'isatap' && one.role === 'host') {
          expect(one.potentialRouters.length).toBeGreaterThan(0);
          expect(one.potentialRouters.some((router) => node.ownIpv4.includes(router))).toBe(false);
          seen.isatap++;
        }
        if (one.type === 'teredo') {
          const wanted = socketsOf(one);
          expect(new Set([one.local[0], ...wanted.map((socket) => socket.local)])).toEqual(new Set(own4(one)));
          expect(own4(one).every((addr4) => has.has(addr4))).toBe(true);
          expect(one.role === 'client' && host.ipv6.some((addr6) => addr6[0] === 0x20 && addr6[2] === 0x0d)).toBe(false);
          expect(one.role === 'server').toBe(one.interface === null);
          seen[one.role]++;
        }
      }
      new NodeContext(node);
      expect(hostPlan(node).every(({ interface: device }) => device !== '')).toBe(true);
    }),
    { numRuns: 2000, seed: 5969 },
  );
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(40);
});
