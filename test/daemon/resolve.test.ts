import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NODE_SLOT } from '../../src/core/counters.js';
import { formatIpv4, formatIpv6 } from '../../src/wire/address.js';
import { address, HOST, ip, LINK_LOCAL, on } from './host.js';

const tunnel = (role: string, ...lines: string[]) => ['[[tunnel]]', 'type = "6to4"', `role = "${role}"`, ...lines, ''].join('\n');

test('a host takes the source address of its default route', () => {
  const { node, said } = on({}, tunnel('host'));
  expect(said).toEqual([]);
  expect(node).toEqual({
    identity: null,
    ownIpv4: [ip('127.0.0.1'), ip('8.8.8.8')],
    ownIpv6: HOST.ipv6,
    broadcasts: [ip('127.255.255.255'), ip('8.8.8.255')],
    allowIpv4: [],
    dhcp: [],
    tunnels: [
      {
        name: '6to4-host',
        slot: 0,
        type: '6to4',
        role: 'host',
        interface: 'tun6to4',
        local: [ip('8.8.8.8')],
        assign: [],
        down: null,
        configure: true,
        mtu: 1280,
        ttl: 64,
        dscp: 0,
        ecn: 'compatibility',
        pathMtuDiscovery: false,
        dontFragment: false,
        icmpRate: 1000,
        relay: ip('192.88.99.1'),
        interfaceId: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1),
        learned: null,
        lans: [],
      },
    ],
  });
});

test('what a tunnel and the node were told reaches the specification', () => {
  const { node } = on(
    {},
    `[node]\nidentity = "2001:db8::1"\n[policy]\nallow-ipv4 = ["10.0.0.0/8"]\n${tunnel('host', 'name = "n"', 'interface = "i"', 'mtu = 1400', 'ttl = 9', 'dscp = "copy"', 'ecn = "normal"', 'path-mtu-discovery = true', 'icmp-rate = 5', 'configure = false', 'relay = "none"')}`,
  );
  expect(node).toMatchObject({ allowIpv4: [{ addr: ip('10.0.0.0'), len: 8 }] });
  expect(formatIpv6(node.identity ?? new Uint8Array(16))).toBe('2001:db8::1');
  expect(node.tunnels[0]).toMatchObject({
    name: 'n',
    interface: 'i',
    mtu: 1400,
    ttl: 9,
    dscp: 'copy',
    ecn: 'normal',
    pathMtuDiscovery: true,
    icmpRate: 5,
    configure: false,
    relay: null,
  });
});

test('without an IPv4 default route a host is down until there is one', () => {
  expect(on({ defaultSource: null }, tunnel('host')).tunnels[0]).toMatchObject({ down: 'no IPv4 default route', local: [], assign: [] });
  expect(on({ defaultSource: null }, tunnel('host', 'local = "8.8.8.8"')).tunnels[0]).toMatchObject({ down: null, local: [ip('8.8.8.8')] });
});

test('RFC 3056 section 3: the address has to be on an interface of the host', () => {
  const { tunnels, said } = on({}, tunnel('router', 'local = "9.9.9.9"'));
  expect([tunnels[0].down, tunnels[0].local, said]).toEqual(['9.9.9.9 is on no interface', [], []]);
});

test.each([
  ['0.1.2.3', 'this network (RFC 791)'],
  ['10.0.0.5', 'private use (RFC 1918)'],
  ['100.64.1.1', 'shared address space (RFC 6598)'],
  ['127.0.0.1', 'loopback (RFC 1122)'],
  ['169.254.9.9', 'link local (RFC 3927)'],
  ['172.31.0.1', 'private use (RFC 1918)'],
  ['192.0.2.1', 'documentation (TEST-NET-1) (RFC 5737)'],
  ['192.168.0.1', 'private use (RFC 1918)'],
  ['198.18.0.1', 'benchmarking (RFC 2544)'],
  ['203.0.113.1', 'documentation (TEST-NET-3) (RFC 5737)'],
  ['224.0.0.1', 'multicast (RFC 5771)'],
  ['255.255.255.255', 'reserved, and limited broadcast (RFC 1112, RFC 919)'],
])('RFC 3056 section 2: %s is no 6to4 address: written, an error; found, a tunnel that is down', (text, range) => {
  const facts = { ipv4: [address(text, 32)], defaultSource: ip(text) };
  const reason = `${text} is ${range}`;
  const expected = 'a globally reachable address, or its range in policy.allow-ipv4';

  const written = on(facts, tunnel('host', `local = "${text}"`));
  expect([written.tunnels[0].down, written.said]).toEqual([reason, [`4:1: tunnel[0].local: ${reason}; expected ${expected}`]]);

  const found = on(facts, tunnel('host'));
  expect([found.tunnels[0].down, found.tunnels[0].local, found.said]).toEqual([reason, [], []]);
});

test.each(['10.0.0.5', '100.64.1.1', '169.254.9.9', '172.31.0.1', '192.0.2.1', '192.168.0.1', '198.18.0.1', '203.0.113.1', '240.0.0.1'])(
  '%s is one where policy.allow-ipv4 says so',
  (text) => {
    const facts = { ipv4: [address(text, 32)], defaultSource: ip(text) };
    const allowed = on(facts, `${tunnel('host')}[policy]\nallow-ipv4 = ["${text}"]`);
    expect([allowed.tunnels[0].down, allowed.tunnels[0].local, allowed.said]).toEqual([null, [ip(text)], []]);
  },
);

test('every special address that is written is an error at its own place', () => {
  const { said, tunnels } = on(
    {},
    tunnel('relay', 'local = "192.88.99.1"', 'accept = ["8.8.4.4", "203.0.113.1",', '  "10.0.0.1"]') +
      tunnel('host', 'relay = "192.168.1.1"'),
  );
  const expected = 'a globally reachable address, or its range in policy.allow-ipv4';
  expect(said).toEqual([
    `5:22: tunnel[0].accept[1]: 203.0.113.1 is documentation (TEST-NET-3) (RFC 5737); expected ${expected}`,
    `6:3: tunnel[0].accept[2]: 10.0.0.1 is private use (RFC 1918); expected ${expected}`,
    `10:1: tunnel[1].relay: 192.168.1.1 is private use (RFC 1918); expected ${expected}`,
  ]);
  expect(tunnels.map(({ down }) => down)).toEqual([
    '203.0.113.1 is documentation (TEST-NET-3) (RFC 5737)',
    '192.168.1.1 is private use (RFC 1918)',
  ]);
});

test('RFC 3964 section 5.3.1: a broadcast address of the host is no endpoint, though another host may have it', () => {
  const { tunnels, said } = on({}, tunnel('relay', 'local = "8.8.8.255"'));
  expect(tunnels[0]).toMatchObject({ down: '8.8.8.255 is a broadcast address of this host', local: [], assign: [] });
  expect(said).toEqual([]);
});

test('a relay brings the addresses that the host does not have, and its prefix with the zero identifier', () => {
  const { node, tunnels, said } = on({}, tunnel('relay', 'local = "192.88.99.1"', 'accept = ["8.8.8.8", "192.88.99.1", "9.9.9.9"]'));
  expect(said).toEqual([]);
  expect(tunnels[0]).toMatchObject({
    local: ['192.88.99.1', '8.8.8.8', '9.9.9.9'].map(ip),
    assign: ['192.88.99.1', '9.9.9.9'].map(ip),
    down: null,
    relay: null,
  });
  expect(tunnels[0]).toMatchObject({ interfaceId: new Uint8Array(8) });
  expect(node.ownIpv4.map(formatIpv4)).toEqual(['127.0.0.1', '8.8.8.8', '192.88.99.1', '9.9.9.9']);
});

test('a host leaves out further addresses that it does not have, and says so', () => {
  const { tunnels, said } = on({}, tunnel('host', 'accept = ["9.9.9.9", "8.8.8.8"]'));
  expect([tunnels[0].local, tunnels[0].assign, said]).toEqual([
    [ip('8.8.8.8')],
    [],
    ['4:11: warning: tunnel[0].accept[0]: 9.9.9.9 is on no interface; expected an address of this host'],
  ]);
});

test.each([
  ['linux', [0, 0, 0, 0, 0, 0, 0, 1]],
  ['windows', [0, 0, 0, 0, 8, 8, 8, 8]],
  ['2:0:0:c000', [0, 2, 0, 0, 0, 0, 0xc0, 0]],
])('interface identifier %s', (text, octets) => {
  expect(on({}, tunnel('host', `interface-id = "${text}"`)).tunnels[0]).toMatchObject({ interfaceId: Uint8Array.from(octets) });
});

test('a LAN without a link-local address is left out until it has one', () => {
  const { tunnels, said } = on({}, tunnel('router', 'lan = [{ interface = "lan1", subnet = 2 }, { interface = "lan0", subnet = 1 }]'));
  expect(tunnels[0]).toMatchObject({ down: null, lans: [{ interface: 'lan0', subnet: 1, linkLocal: LINK_LOCAL }] });
  expect(said).toEqual([
    '4:10: warning: tunnel[0].lan[0].interface: "lan1" is left out; expected an interface that is up and has a link-local IPv6 address',
  ]);
});

test.each([
  ['host', []],
  ['router', ['3:1: warning: tunnel[0].role: this host does not forward IPv6; expected `sysctl -w net.ipv6.conf.all.forwarding=1`']],
  ['relay', ['3:1: warning: tunnel[0].role: this host does not forward IPv6; expected `sysctl -w net.ipv6.conf.all.forwarding=1`']],
])('a %s on a host that does not forward IPv6', (role, said) => {
  expect(on({ forwards6: false }, tunnel(role, ...(role === 'relay' ? ['local = "192.88.99.1"'] : []))).said).toEqual(said);
});

test('broadcasts are those of subnets with room for one, each once', () => {
  const ipv4 = [
    address('8.8.8.8', 24),
    address('8.8.8.9', 24),
    address('9.9.9.1', 30),
    address('9.9.9.9', 31),
    address('1.1.1.1', 32),
    address('4.4.4.4', 0),
  ];
  expect(on({ ipv4 }, tunnel('host')).node.broadcasts.map(formatIpv4)).toEqual(['8.8.8.255', '9.9.9.3', '255.255.255.255']);
});

test('a tunnel keeps its slot over reloads, and the others get the lowest that are free', () => {
  const toml = ['a', 'b', 'c'].map((name) => tunnel('host', `name = "${name}"`)).join('');
  const slots = new Map([
    ['b', 0],
    ['gone', 1],
    ['c', 5],
  ]);
  expect(on({}, toml, slots).tunnels.map(({ name, slot }) => [name, slot])).toEqual([
    ['a', 1],
    ['b', 0],
    ['c', 5],
  ]);
});

test('however tunnels come and go, slots are distinct and none is the node itself', () => {
  const names = fc.uniqueArray(fc.integer({ min: 0, max: 80 }), { minLength: 1, maxLength: NODE_SLOT });
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 5 }), (reloads) => {
      let slots: ReadonlyMap<string, number> = new Map();
      for (const reload of reloads) {
        const { tunnels } = on({}, reload.map((n) => tunnel('host', `name = "t${n}"`)).join(''), slots);
        const given = tunnels.map(({ slot }) => slot);
        expect(new Set(given).size).toBe(given.length);
        expect(given.every((slot) => slot >= 0 && slot < NODE_SLOT)).toBe(true);
        for (const { name, slot } of tunnels) expect(slot).toBe(slots.get(name) ?? slot);
        slots = new Map(tunnels.map(({ name, slot }) => [name, slot]));
      }
    }),
    { numRuns: 30 },
  );
});

test('a tunnel that is up has addresses, one that is down has none, on any host', () => {
  const addr = fc.oneof(fc.constantFrom('8.8.8.8', '10.0.0.1', '9.9.9.9', '192.88.99.1', '8.8.8.255').map(ip), fc.nat(0xffffffff));
  const facts = fc.record({
    ipv4: fc.array(fc.record({ addr, len: fc.integer({ min: 0, max: 32 }), interface: fc.constant('eth0') }), { maxLength: 4 }),
    defaultSource: fc.option(addr),
    forwards6: fc.boolean(),
  });
  const toml =
    tunnel('host', 'name = "a"') +
    tunnel('router', 'name = "b"', 'local = "8.8.8.8"', 'accept = ["9.9.9.9"]') +
    tunnel('relay', 'name = "c"', 'local = "192.88.99.1"', 'accept = ["8.8.8.8"]');
  fc.assert(
    fc.property(facts, (given) => {
      const { node, problems } = on(given, toml);
      expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
      const has = new Set(given.ipv4.map((own) => own.addr));
      for (const { local, assign, down, role } of node.tunnels) {
        expect(local.length > 0).toBe(down === null);
        expect(assign).toEqual(local.filter((own) => !has.has(own)));
        if (role !== 'relay') expect(assign).toEqual([]);
        expect(local.every((own) => node.ownIpv4.includes(own) && !node.broadcasts.includes(own))).toBe(true);
      }
    }),
  );
});
