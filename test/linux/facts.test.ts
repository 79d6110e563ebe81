import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HostFacts, NO_FINDINGS } from '../../src/engine/spec.js';
import { readFacts } from '../../src/linux/facts.js';
import { applySteps, runBatch } from '../../src/linux/ip-batch.js';
import { formatIpv4, formatIpv6 } from '../../src/wire/address.js';
import { HostFixture, ROUTER_PLAN } from './host-fixture.js';
import { describeInNamespaces, ip } from './namespace.js';

const OWN: ReadonlySet<string> = new Set(['tlx0']);
describeInNamespaces('facts of a host', () => {
  let host: HostFixture;
  beforeEach(() => {
    host = new HostFixture();
  });
  afterEach(() => host.close());

  const type = (...commands: string[]): void => host.namespace.run(() => commands.forEach(ip));
  const read = (): HostFacts => host.namespace.run(() => readFacts(OWN, NO_FINDINGS));
  const defaultSource = (): string | null => {
    const { defaultSource: source } = read();
    return source === null ? null : formatIpv4(source);
  };

  test('addresses of interfaces that are up, with their subnets; link-local ones apart', () => {
    type('address add 192.0.2.5/24 dev tlxa', '-6 address add 2001:db8::5/64 dev tlxa nodad', '-6 address add fe80::5/64 dev tlxa nodad');
    type('address add 198.51.100.5/25 dev tlxb', '-6 address add fe80::6/64 dev tlxb nodad');
    const facts = read();
    expect(facts.hostName).toBe(hostname());
    expect(facts.ipv4.map(({ addr, len, interface: name }) => `${formatIpv4(addr)}/${len} ${name}`).sort()).toEqual([
      '127.0.0.1/8 lo',
      '192.0.2.5/24 tlxa',
      '198.51.100.5/25 tlxb',
    ]);
    expect(facts.ipv6.map((address) => formatIpv6(address))).toEqual(['::1', '2001:db8::5']);
    expect([...facts.linkLocal].map(([name, address]) => `${name} ${formatIpv6(address)}`).sort()).toEqual([
      'tlxa fe80::5',
      'tlxb fe80::6',
    ]);

    type('link set dev tlxb down');
    expect(read().ipv4.map(({ interface: name }) => name)).toEqual(['lo', 'tlxa']);
  });

  test('the MAC address of each interface that is up and has one', () => {
    type('link set dev tlxa down', 'link set dev tlxa address 02:00:5e:10:fE:01', 'link set dev tlxa up');
    const { mac } = read();
    expect(mac.get('tlxa')).toEqual(Uint8Array.of(0x02, 0x00, 0x5e, 0x10, 0xfe, 0x01));
    expect([...mac.keys()].sort()).toEqual(['tlxa', 'tlxb']);
    type('link set dev tlxb down');
    expect([...read().mac.keys()]).toEqual(['tlxa']);
  });

  test('what the node itself has put on its TUN devices is no fact', () => {
    const before = read();
    host.namespace.run(() => applySteps(ROUTER_PLAN.filter((step) => step.interface !== 'tlxa')));
    expect(read()).toEqual(before);
    expect(host.namespace.run(() => readFacts(new Set(), NO_FINDINGS)).ipv4.map(({ addr }) => formatIpv4(addr))).toContain('192.88.99.1');
  });

  test('a host may have thousands of addresses', () => {
    const lines = Array.from({ length: 8000 }, (_, i) => `address add ${formatIpv4(0xc6120000 + i)}/32 dev tlxa`);
    host.namespace.run(() => runBatch([], lines));
    expect(read().ipv4.filter(({ interface: name }) => name === 'tlxa').length).toBe(8000);
  });

  test('the source of the default route is what the kernel chooses', () => {
    type('address add 192.0.2.5/24 dev tlxa', 'address add 192.0.2.6/24 dev tlxa', 'address add 203.0.113.5/24 dev tlxa');
    expect(defaultSource()).toBeNull();
    type('route add default via 192.0.2.1 dev tlxa metric 100');
    expect(defaultSource()).toBe('192.0.2.5');
    type('route add default via 203.0.113.1 dev tlxa metric 50');
    expect(defaultSource()).toBe('203.0.113.5');
    type('route add default via 203.0.113.1 dev tlxa src 192.0.2.6 metric 10');
    expect(defaultSource()).toBe('192.0.2.6');
  });

  test('a default route that a policy rule chooses counts, one in a table that no rule names does not', () => {
    type('address add 192.0.2.5/24 dev tlxa', 'route add default via 192.0.2.1 dev tlxa table 77');
    expect(defaultSource()).toBeNull();
    type('rule add from all lookup 77');
    expect(defaultSource()).toBe('192.0.2.5');
  });

  test('a route to part of the Internet is no default route, nor is one that refuses', () => {
    type('address add 192.0.2.5/24 dev tlxa', 'route add 128.0.0.0/1 via 192.0.2.1 dev tlxa');
    expect(defaultSource()).toBeNull();
    type('route add unreachable default');
    expect(defaultSource()).toBeNull();
  });

  test('whether the host forwards IPv6', () => {
    expect(read().forwards6).toBe(false);
    host.namespace.run(() => writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1'));
    expect(read().forwards6).toBe(true);
  });
});
