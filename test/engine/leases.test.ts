/**
 * A customer edge that lives by a DHCPv4 lease, in virtual time: the packet thread, its news resolved into the next
 * snapshot as the service does it, a server by hand, and what the LAN hears.
 */

import { expect, test } from 'vitest';
import { Counters, Direction, drops } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import { hostPlan } from '../../src/engine/host-plan.js';
import type { News } from '../../src/engine/news.js';
import { Pipeline } from '../../src/engine/pipeline.js';
import type { HostAddress4, NodeSpec } from '../../src/engine/spec.js';
import type { Lease } from '../../src/role/dhcp-client.js';
import { formatIpv4, formatPrefix6, parseIpv4 } from '../../src/wire/address.js';
import { type DhcpMessage, DhcpType, readDhcp4 } from '../../src/wire/dhcp4.js';
import { type RouterAdvertisement, readRouterAdvertisement } from '../../src/wire/ndisc.js';
import { seeded } from '../chance.js';
import { MAC, type Reply, replyPacket, SERVER } from '../role/dhcp-exchange.js';
import { nodeOf } from '../vectors/node.js';
import { frameOf, MemoryPort, MemoryPorts } from './memory-ports.js';

const TOML = `
[[tunnel]]
type           = "6rd"
role           = "customer-edge"
dhcp-interface = "wan0"
[[tunnel.lan]]
interface = "lan0"
subnet    = 1
`;
const SECOND = 1000;
const FIRST = { address: '10.100.100.1', lan: '2001:db8:6464:101::/64' };
const OTHER = { address: '10.100.200.9', lan: '2001:db8:64c8:901::/64' };

interface Heard {
  readonly at: number;
  readonly ra: RouterAdvertisement;
}

/** The home, and the provider's server as long as `serves`. */
class Home {
  readonly heard: Heard[] = [];
  readonly asked: DhcpMessage[] = [];
  serves = true;
  address = FIRST.address;
  options: Reply['options'] = {};
  now = 0;
  node: NodeSpec;
  readonly counters = new Counters();
  readonly #news: News[] = [];
  readonly #leases = new Map<string, Lease>();
  /** Addresses that the interface has from elsewhere. */
  readonly #given: readonly HostAddress4[];
  readonly #pipeline: Pipeline;
  readonly #ports: MemoryPorts;
  readonly #wan: MemoryPort;

  constructor(given: readonly HostAddress4[] = []) {
    this.#given = given;
    this.node = this.#resolved();
    this.#ports = new MemoryPorts(this.node);
    this.#wan = new MemoryPort('dhcp4', this.#ports.makeBatch(4, 2048));
    this.#ports.dhcp4.set('wan0', this.#wan);
    this.#pipeline = new Pipeline({
      counters: this.counters,
      random: seeded(5),
      owner: true,
      news: (news) => this.#news.push(news),
    });
    this.#pipeline.configure(this.node, this.#ports, 0);
  }

  get lease(): Lease | null {
    return this.#leases.get('wan0') ?? null;
  }

  get down(): string | null {
    return this.node.tunnels[0].down;
  }

  /** Prefixes that the LAN holds for preferred, by what it was told last of each. */
  get preferred(): string[] {
    const last = new Map<string, number>();
    for (const { ra } of this.heard)
      for (const { prefix, preferredLifetime } of ra.prefixes) last.set(formatPrefix6(prefix), preferredLifetime);
    return [...last].filter(([, lifetime]) => lifetime > 0).map(([prefix]) => prefix);
  }

  /** Lets seconds pass. */
  pass(seconds: number): void {
    const end = this.now + seconds * SECOND;
    this.#run();
    for (let i = 0; this.#pipeline.nextTimeout() <= end; i++) {
      expect(i).toBeLessThan(100_000);
      this.now = Math.max(this.now, this.#pipeline.nextTimeout());
      this.#run();
    }
    this.now = end;
  }

  stop(): void {
    this.#pipeline.withdraw(this.now);
    this.#listen();
  }

  #resolved(): NodeSpec {
    return nodeOf(TOML, {
      ipv4: this.#given,
      defaultSource: null,
      mac: new Map([['wan0', MAC]]),
      found: { leases: this.#leases, learned: new Map(), names: new Map(), portMappings: new Map() },
    });
  }

  #run(): void {
    for (let i = 0; this.#pipeline.step(this.now) > 0 || this.#follow(); i++) {
      expect(i).toBeLessThan(1000);
      this.#listen();
    }
    this.#listen();
  }

  /** True when there was news: the next snapshot is in force. */
  #follow(): boolean {
    const news = this.#news.splice(0);
    for (const one of news) {
      if (one.kind !== 'lease') continue;
      if (one.lease === null) this.#leases.delete(one.interface);
      else this.#leases.set(one.interface, one.lease);
    }
    if (news.length > 0) {
      this.node = this.#resolved();
      const lan = this.#ports.lans.get('lan0') ?? new MemoryPort('lan', this.#ports.makeBatch(4, 2048));
      this.#ports.lans.set('lan0', lan);
      this.#pipeline.configure(this.node, this.#ports, this.now);
    }
    return news.length > 0;
  }

  #listen(): void {
    for (const octets of this.#ports.lans.get('lan0')?.take() ?? []) {
      const { b, off, end } = frameOf(octets);
      this.heard.push({ at: this.now, ra: readRouterAdvertisement(b, off, end) ?? expect.fail('no advertisement') });
    }
    for (const octets of this.#wan.take()) {
      const message = readDhcp4(octets, 28, octets.length) ?? expect.fail('no DHCP message');
      this.asked.push(message);
      const type = ANSWERS[message.options.get(53)?.[0] ?? 0];
      if (!this.serves || type === undefined) continue;
      const yiaddr = parseIpv4(this.address) ?? 0;
      const wrong = message.ciaddr !== 0 && message.ciaddr !== yiaddr && message.options.get(53)?.[0] === DhcpType.request;
      this.#wan.inbound.push(
        replyPacket({ type: wrong ? DhcpType.nak : type, xid: message.xid, yiaddr, options: { 51: 600, ...this.options } }),
      );
    }
  }
}

const ANSWERS: Readonly<Record<number, number>> = {
  [DhcpType.discover]: DhcpType.offer,
  [DhcpType.request]: DhcpType.ack,
  [DhcpType.inform]: DhcpType.ack,
};

test('without a lease the tunnel is down, and says why', () => {
  const home = new Home();
  expect(home.down).toBe('no DHCPv4 lease on wan0 yet');
  expect(home.node.dhcp).toMatchObject([{ interface: 'wan0', inform: null }]);
});

test('from nothing but a lease: an address and a default route for the host, a tunnel, and a /64 for the LAN', () => {
  const home = new Home();
  home.pass(2);
  expect(home.down).toBe(null);
  expect(home.node.tunnels[0].local.map(formatIpv4)).toEqual([FIRST.address]);
  expect(hostPlan(home.node).slice(0, 2)).toEqual([
    { kind: 'address', interface: 'wan0', address: FIRST.address, len: 16, deprecated: false },
    { kind: 'route', to: '0.0.0.0/0', via: formatIpv4(SERVER), interface: 'wan0', metric: 1025 },
  ]);
  expect(home.preferred).toEqual([FIRST.lan]);
});

test('a lease that is renewed for hours costs the LAN nothing; no lifetime outlives it', () => {
  const home = new Home();
  home.pass(20_000);
  expect(home.asked.length).toBeGreaterThan(30);
  expect(home.preferred).toEqual([FIRST.lan]);
  for (const { ra } of home.heard) {
    expect(ra.prefixes.map(({ prefix }) => formatPrefix6(prefix))).toEqual([FIRST.lan]);
    for (const { validLifetime, preferredLifetime } of ra.prefixes) {
      expect(validLifetime).toBeLessThanOrEqual(600);
      expect(preferredLifetime).toBeGreaterThan(0);
    }
  }
});

test('another address renumbers the LAN at once, and no stale prefix stays preferred', () => {
  const home = new Home();
  home.pass(100);
  home.address = OTHER.address;
  home.pass(600);
  expect(home.node.tunnels[0].local.map(formatIpv4)).toEqual([OTHER.address]);
  expect(home.preferred).toEqual([OTHER.lan]);
});

test('the server vanishes: the lease runs out as its timers say, the LAN is told, and the tunnel is down', () => {
  const home = new Home();
  home.pass(10);
  const end = home.lease?.until ?? expect.fail('no lease');
  home.serves = false;
  home.pass((end - home.now) / SECOND - 1);
  expect(home.down).toBe(null);
  home.pass(5);
  expect(home.down).toBe('no DHCPv4 lease on wan0 yet');
  expect(home.preferred).toEqual([]);
  const { at, ra } = home.heard.at(-1) ?? expect.fail('nothing heard');
  expect(at - end).toBeLessThanOrEqual(3 * SECOND);
  expect(ra.routerLifetime).toBe(0);
  expect(hostPlan(home.node)).toEqual([]);
  home.serves = true;
  home.pass(70);
  expect(home.preferred).toEqual([FIRST.lan]);
});

test('a lease whose 6rd option is wrong is kept as an address, and as no tunnel; the reason is counted', () => {
  const home = new Home();
  home.options = { 212: '212020010db80000000000000000000000000a000001' };
  home.pass(5);
  expect(home.lease?.sixRdFault).toMatch(/IPv4MaskLen 33/);
  expect(home.down).toMatch(/^the lease on wan0: its 6rd option is invalid: IPv4MaskLen 33/);
  expect(drops([home.counters.row], 0, Direction.decapsulate, Drop.malformed_option_212)).toBeGreaterThan(0);
  expect(home.heard).toEqual([]);
  expect(hostPlan(home.node).map(({ kind }) => kind)).toEqual(['address', 'route']);
});

test('an interface that has an address is asked about by DHCPINFORM, and left as it is', () => {
  const home = new Home([{ addr: parseIpv4(FIRST.address) ?? 0, len: 16, interface: 'wan0' }]);
  home.pass(5);
  expect(home.asked.map(({ options }) => options.get(53)?.[0])).toEqual([DhcpType.inform]);
  expect(home.preferred).toEqual([FIRST.lan]);
  expect(hostPlan(home.node).filter((step) => step.interface === 'wan0')).toEqual([]);
});

test('a node that stops tells its LAN and gives the lease back', () => {
  const home = new Home();
  home.pass(10);
  home.stop();
  expect(home.preferred).toEqual([]);
  expect(home.asked.at(-1)?.options.get(53)?.[0]).toBe(DhcpType.release);
});
