import { describe, expect, test } from 'vitest';
import {
  COUNTER_ROW_LEN,
  Counters,
  DIRECTIONS,
  Direction,
  type DirectionName,
  drops,
  IcmpKind,
  icmpEvents,
  NODE_SLOT,
  octets,
  packets,
} from '../../src/core/counters.js';
import { DROPS, Drop, type DropName } from '../../src/core/drop.js';
import type { Frame } from '../../src/core/frame.js';
import { Pipeline } from '../../src/engine/pipeline.js';
import type { HostFacts, NodeSpec } from '../../src/engine/spec.js';
import { formatPrefix6, parseIpv6 } from '../../src/wire/address.js';
import { readRouterAdvertisement } from '../../src/wire/ndisc.js';
import { echoRequest, icmp4Error, icmp6, ipv4, timeExceeded6, toHex, tooBig6, udp6 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';
import { type MemoryPort, MemoryPorts } from './memory-ports.js';

const ALLOW = '[policy]\nallow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]';
const IDENTITY = '2001:db8:b000::1';
const ME = '198.51.100.7';
const PEER = '192.0.2.42';
const PEER6 = '2002:c000:22a::1';
const MINE6 = '2002:c633:6407::1';
const WEB = '3fff:0:1::80';

const tunnel = (role: string, local: string, ...more: string[]) =>
  ['[[tunnel]]', 'type = "6to4"', `role = "${role}"`, `local = "${local}"`, ...more].join('\n');
const toml = (...tunnels: string[]) => [...tunnels, ALLOW].join('\n');
const withIdentity = (text: string) => `[node]\nidentity = "${IDENTITY}"\n${text}`;

/** What one packet thread does, with its ports at hand. */
class Bench {
  readonly counters = new Counters();
  readonly pipeline: Pipeline;
  node: NodeSpec;
  ports: MemoryPorts;
  now = 0;

  constructor(text: string, options: { owner?: boolean; facts?: Partial<HostFacts>; batch?: number } = {}) {
    this.node = nodeOf(text, options.facts);
    this.ports = new MemoryPorts(this.node, options.batch ?? 4);
    this.pipeline = new Pipeline({ counters: this.counters, random: (into) => into.fill(7), owner: options.owner ?? true, news: () => {} });
    this.pipeline.configure(this.node, this.ports, 0);
  }

  /** Takes another configuration, on the same ports where `ports` is true. */
  reload(text: string, ports: MemoryPorts | null = null, facts: Partial<HostFacts> = {}): void {
    this.node = nodeOf(text, facts);
    if (ports !== null) this.ports = ports;
    this.pipeline.configure(this.node, this.ports, this.now);
  }

  tun(name = 'tun6to4'): MemoryPort {
    return this.ports.tunnels.get(name) ?? expect.fail(`no port ${name}`);
  }

  lan(name = 'lan0'): MemoryPort {
    return this.ports.lans.get(name) ?? expect.fail(`no port ${name}`);
  }

  /** Steps until nothing waits; answers how many packets were handled. */
  run(): number {
    let handled = 0;
    for (let i = 0; i < 1000; i++) {
      const n = this.pipeline.step(this.now);
      if (n === 0) return handled;
      handled += n;
    }
    return expect.fail('the pipeline never rests');
  }

  fromV4(...arriving: Uint8Array[]): Uint8Array[] {
    this.ports.protocol41.inbound.push(...arriving);
    this.run();
    return this.tun().take();
  }

  fromV6(...leaving: Uint8Array[]): Uint8Array[] {
    this.tun().inbound.push(...leaving);
    this.run();
    return this.ports.protocol41.take();
  }

  /** Everything that was counted, by slot, direction and reason: nothing can hide. */
  counted(): Record<string, number> {
    const found: Record<string, number> = {};
    const rows = [this.counters.row];
    const note = (key: string, n: number) => {
      if (n > 0) found[key] = n;
    };
    for (const slot of [...this.node.tunnels.map((spec) => spec.slot), NODE_SLOT]) {
      for (const direction of DIRECTIONS) {
        const place = `${slot === NODE_SLOT ? 'node' : slot} ${direction}`;
        note(place, packets(rows, slot, Direction[direction]));
        for (const { code, name } of DROPS) note(`${place} ${name}`, drops(rows, slot, Direction[direction], code));
      }
      for (const [kind, code] of Object.entries(IcmpKind)) note(`${slot} ${kind}`, icmpEvents(rows, slot, code));
    }
    return found;
  }

  dropped(direction: DirectionName, reason: DropName, slot = 0): number {
    return drops([this.counters.row], slot, Direction[direction], Drop[reason]);
  }
}

const arriving = (inner: Uint8Array, src = PEER, dst = ME) => ipv4({ src, dst }, inner);
const toMe = echoRequest({ src: PEER6, dst: MINE6 });
const toPeer = echoRequest({ src: MINE6, dst: PEER6 });

describe('the way of a packet', () => {
  test('what arrives leaves through the TUN, what comes out of the TUN leaves through IPv4, and both are counted once', () => {
    const bench = new Bench(toml(tunnel('host', ME)));
    expect(bench.fromV4(arriving(toMe))).toEqual([toMe]);
    expect(bench.fromV6(toPeer)).toEqual([ipv4({ src: ME, dst: PEER }, toPeer)]);
    expect(bench.counted()).toEqual({ '0 encapsulate': 1, '0 decapsulate': 1 });
    expect([octets([bench.counters.row], 0, 0), octets([bench.counters.row], 0, 1)]).toEqual([toPeer.length, toMe.length]);
  });

  test('octets are those of the inner packet: padding behind it does not count', () => {
    const bench = new Bench(toml(tunnel('host', ME)));
    bench.fromV4(arriving(Uint8Array.of(...toMe, 0xee, 0xee, 0xee)));
    bench.fromV6(Uint8Array.of(...toPeer, 0xee, 0xee));
    expect([octets([bench.counters.row], 0, 0), octets([bench.counters.row], 0, 1)]).toEqual([toPeer.length, toMe.length]);
  });

  test('batches of any length keep their order', () => {
    const bench = new Bench(toml(tunnel('host', ME)), { batch: 3 });
    const many = Array.from({ length: 20 }, (_, i) => echoRequest({ src: PEER6, dst: MINE6, flowLabel: i }));
    expect(bench.fromV4(...many.map((inner) => arriving(inner)))).toEqual(many);
  });

  test('a batch in which some are dropped loses only those', () => {
    const bench = new Bench(toml(tunnel('host', ME)), { batch: 8 });
    const good = [1, 2, 3].map((flowLabel) => echoRequest({ src: PEER6, dst: MINE6, flowLabel }));
    const forged = arriving(toMe, '203.0.113.66');
    expect(bench.fromV4(forged, arriving(good[0]), forged, arriving(good[1]), arriving(good[2]), forged)).toEqual(good);
    expect(bench.counted()).toEqual({ '0 decapsulate': 3, '0 decapsulate source_mismatch': 3 });
  });

  test('a step says how much it handled, and 0 once nothing waits', () => {
    const bench = new Bench(toml(tunnel('host', ME)), { batch: 2 });
    bench.ports.protocol41.inbound.push(arriving(toMe), arriving(toMe), arriving(toMe));
    bench.tun().inbound.push(toPeer);
    expect([bench.pipeline.step(0), bench.pipeline.step(0), bench.pipeline.step(0)]).toEqual([3, 1, 0]);
  });

  test('before it is configured there is nothing to do', () => {
    const pipeline = new Pipeline({ counters: new Counters(), random: () => {}, owner: true, news: () => {} });
    expect([pipeline.step(0), pipeline.nextTimeout()]).toEqual([0, Number.POSITIVE_INFINITY]);
  });
});

describe('what a port refuses is counted once, with the reason that the port gives', () => {
  const refusals: DropName[] = ['too_big', 'no_route', 'send_refused', 'tunnel_down', 'truncated'];

  test.each(refusals)('encapsulated, %s', (reason) => {
    const bench = new Bench(toml(tunnel('host', ME)));
    bench.ports.protocol41.fateOf = () => Drop[reason];
    bench.fromV6(toPeer, toPeer);
    expect(bench.counted()).toEqual({ [`0 encapsulate ${reason}`]: 2 });
  });

  test.each(refusals)('decapsulated, %s', (reason) => {
    const bench = new Bench(toml(tunnel('host', ME)));
    bench.tun().fateOf = () => Drop[reason];
    bench.fromV4(arriving(toMe));
    expect(bench.counted()).toEqual({ [`0 decapsulate ${reason}`]: 1 });
  });

  test('a full queue takes what it can and the rest is queue_full, in both directions', () => {
    const bench = new Bench(toml(tunnel('host', ME)), { batch: 8 });
    bench.ports.protocol41.room = 2;
    bench.tun().room = 1;
    bench.fromV6(toPeer, toPeer, toPeer, toPeer, toPeer);
    bench.fromV4(arriving(toMe), arriving(toMe), arriving(toMe));
    expect(bench.counted()).toEqual({
      '0 encapsulate': 2,
      '0 encapsulate queue_full': 3,
      '0 decapsulate': 1,
      '0 decapsulate queue_full': 2,
    });
  });

  test('a refusal in the middle of a batch concerns that packet only', () => {
    const bench = new Bench(toml(tunnel('host', ME)), { batch: 8 });
    let n = 0;
    bench.ports.protocol41.fateOf = () => (n++ === 1 ? Drop.no_route : Drop.none);
    expect(bench.fromV6(toPeer, toPeer, toPeer)).toHaveLength(2);
    expect(bench.counted()).toEqual({ '0 encapsulate': 2, '0 encapsulate no_route': 1 });
  });
});

describe('which tunnel', () => {
  const two = toml(tunnel('host', ME, 'name = "a"'), tunnel('host', '203.0.113.7', 'name = "b"'));
  const B6 = '2002:cb00:7107::1';

  test('the outer destination decides', () => {
    const bench = new Bench(two);
    bench.fromV4(arriving(toMe), arriving(echoRequest({ src: PEER6, dst: B6 }), PEER, '203.0.113.7'));
    expect(bench.tun('tun6to4-2').take()).toEqual([echoRequest({ src: PEER6, dst: B6 })]);
    expect(bench.counted()).toEqual({ '0 decapsulate': 1, '1 decapsulate': 1 });
  });

  test('a packet for another address of the host, for a broadcast address or a group is not_local, and belongs to no tunnel', () => {
    const bench = new Bench(two, { facts: {} });
    for (const dst of ['198.51.100.8', '198.51.100.255', '255.255.255.255', '224.0.0.1'])
      expect(bench.fromV4(arriving(toMe, PEER, dst))).toEqual([]);
    expect(bench.counted()).toEqual({ 'node decapsulate not_local': 4 });
  });

  test('a packet of another protocol is none of ours, whatever is in it', () => {
    const bench = new Bench(two);
    expect(bench.fromV4(ipv4({ src: PEER, dst: ME, protocol: 17 }, toMe))).toEqual([]);
    expect(bench.counted()).toEqual({ 'node decapsulate not_local': 1 });
  });

  test('what the sender test of one tunnel refuses is tried with the next on the same address (RFC 5214 section 7.3)', () => {
    const shared = toml(tunnel('host', ME, 'name = "host"'), tunnel('relay', ME, 'name = "relay"'));
    const bench = new Bench(shared);
    const toWeb = echoRequest({ src: PEER6, dst: WEB });
    expect(bench.fromV4(arriving(toWeb), arriving(toMe))).toEqual([toMe]);
    expect(bench.tun('tun6to4-2').take()).toEqual([toWeb]);
    expect(bench.counted()).toEqual({ '0 decapsulate': 1, '1 decapsulate': 1 });
  });

  test('what all tunnels on an address refuse is counted once, with what the first of them said', () => {
    const shared = toml(tunnel('host', ME, 'name = "host"'), tunnel('relay', ME, 'name = "relay"'));
    const bench = new Bench(shared);
    expect(bench.fromV4(arriving(toMe, '203.0.113.66'))).toEqual([]);
    expect(bench.counted()).toEqual({ '0 decapsulate source_mismatch': 1 });
  });

  test('the tunnel that a packet turns out to be for has the last word', () => {
    const shared = toml(tunnel('host', ME, 'name = "host"'), tunnel('relay', ME, 'name = "relay"'));
    const bench = new Bench(withIdentity(shared));
    const spent = echoRequest({ src: PEER6, dst: WEB, hopLimit: 1 });
    bench.fromV4(arriving(spent));
    expect(bench.ports.protocol41.take()).toEqual([ipv4({ src: ME, dst: PEER }, timeExceeded6(IDENTITY, spent))]);
    expect(bench.counted()).toEqual({ '1 decapsulate hop_limit': 1, '1 sent_time_exceeded': 1 });
  });

  test('what is wrong for all of them is counted once', () => {
    const shared = toml(tunnel('host', ME, 'name = "host"'), tunnel('relay', ME, 'name = "relay"'));
    const bench = new Bench(shared);
    bench.fromV4(
      arriving(echoRequest({ src: PEER6, dst: 'ff02::1' })),
      arriving(echoRequest({ src: PEER6, dst: '2002:c633:6407::2', hopLimit: 1 })),
    );
    expect(bench.counted()).toEqual({
      '0 decapsulate special_ipv6': 1,
      '0 decapsulate hop_limit': 1,
      '0 sent_time_exceeded': 1,
    });
  });

  test('a packet from the TUN of one tunnel never leaves as another', () => {
    const bench = new Bench(two);
    bench.tun('tun6to4-2').inbound.push(toPeer);
    bench.run();
    expect(bench.ports.protocol41.take()).toEqual([]);
    expect(bench.counted()).toEqual({ '1 encapsulate source_mismatch': 1 });
  });

  test('a tunnel without an IPv4 address drops everything, and says that it is down', () => {
    const bench = new Bench('[[tunnel]]\ntype = "6to4"\nrole = "host"', { facts: { defaultSource: null } });
    expect(bench.fromV6(toPeer)).toEqual([]);
    expect(bench.fromV4(arriving(toMe))).toEqual([]);
    expect(bench.counted()).toEqual({ '0 encapsulate tunnel_down': 1, 'node decapsulate not_local': 1 });
  });

  test('a node whose interface has no port is refused with the name of both', () => {
    const node = nodeOf(two);
    const ports = new MemoryPorts(node);
    ports.tunnels.delete('tun6to4-2');
    const pipeline = new Pipeline({ counters: new Counters(), random: () => {}, owner: true, news: () => {} });
    expect(() => pipeline.configure(node, ports, 0)).toThrow('tunnel b: no port for interface tun6to4-2');
  });
});

describe('whole outer packets', () => {
  const cases: [string, Uint8Array, DropName][] = [
    ['an empty frame', new Uint8Array(0), 'truncated'],
    ['nineteen octets', arriving(toMe).slice(0, 19), 'truncated'],
    ['a packet cut by one octet', arriving(toMe).slice(0, -1), 'truncated'],
    ['version 5', ipv4({ src: PEER, dst: ME, version: 5 }, toMe), 'bad_ipv4_header'],
    ['version 6', toMe, 'bad_ipv4_header'],
    ['a header of four words', ipv4({ src: PEER, dst: ME, headerLen: 4 }, toMe), 'bad_ipv4_header'],
    ['a header that is longer than the packet', ipv4({ src: PEER, dst: ME, headerLen: 15, totalLen: 40 }, toMe), 'bad_ipv4_header'],
    ['a total length below the header', ipv4({ src: PEER, dst: ME, totalLen: 19 }, toMe), 'bad_ipv4_header'],
    ['a total length of 0', ipv4({ src: PEER, dst: ME, totalLen: 0 }, toMe), 'bad_ipv4_header'],
  ];

  test.each(cases)('%s belongs to no tunnel', (_, packet, reason) => {
    const bench = new Bench(toml(tunnel('host', ME)));
    expect(bench.fromV4(packet)).toEqual([]);
    expect(bench.counted()).toEqual({ [`node decapsulate ${reason}`]: 1 });
  });
});

describe('what a tunnel originates', () => {
  const relay = withIdentity(toml(tunnel('relay', '192.88.99.1', 'mtu = 1400')));

  test('a hop limit that is used up is answered through the tunnel, from the identity of the node', () => {
    const bench = new Bench(relay);
    const spent = udp6({ src: PEER6, dst: WEB, hopLimit: 1 });
    bench.fromV4(arriving(spent, PEER, '192.88.99.1'));
    expect(bench.ports.protocol41.take()).toEqual([ipv4({ src: '192.88.99.1', dst: PEER }, timeExceeded6(IDENTITY, spent))]);
    expect(bench.counted()).toEqual({ '0 decapsulate hop_limit': 1, '0 sent_time_exceeded': 1 });
  });

  test('a packet that is too big is answered on its own side, with the MTU that fits', () => {
    const bench = new Bench(relay);
    const large = udp6({ src: WEB, dst: PEER6 }, 1401);
    expect(bench.fromV6(large)).toEqual([]);
    expect(bench.tun().take()).toEqual([tooBig6(IDENTITY, 1400, large)]);
    expect(bench.dropped('encapsulate', 'too_big')).toBe(1);
  });

  test('errors are bounded by the rate, however many packets ask for one; the rest is counted', () => {
    const bench = new Bench(withIdentity(toml(tunnel('relay', '192.88.99.1', 'icmp-rate = 100'))), { batch: 4 });
    const spent = arriving(udp6({ src: PEER6, dst: WEB, hopLimit: 1 }), PEER, '192.88.99.1');
    let errors = 0;
    for (; bench.now < 10_000; bench.now += 10) {
      bench.fromV4(spent, spent, spent);
      errors += bench.ports.protocol41.take().length;
    }
    expect(errors).toBeLessThanOrEqual(10 + 100 * 10);
    expect(errors).toBeGreaterThan(990);
    const counted = bench.counted();
    expect(counted['0 decapsulate hop_limit']).toBe(3000);
    expect(counted['0 sent_time_exceeded'] + counted['0 suppressed']).toBe(3000);
    expect(counted['0 sent_time_exceeded']).toBe(errors);
  });

  test('an error that the checks of the tunnel itself refuse is not sent, and counted as not sent', () => {
    const foreign = toml(tunnel('relay', '192.88.99.1')).replace(/^/, '[node]\nidentity = "2002:909:909::1"\n');
    const bench = new Bench(foreign);
    bench.fromV4(arriving(udp6({ src: PEER6, dst: WEB, hopLimit: 1 }), PEER, '192.88.99.1'));
    expect(bench.ports.protocol41.take()).toEqual([]);
    expect(bench.counted()).toEqual({ '0 decapsulate hop_limit': 1, '0 suppressed': 1 });
  });

  test('a flood of other errors does not starve Packet Too Big, without which nothing large gets through (RFC 6343 section 4.4)', () => {
    const bench = new Bench(withIdentity(toml(tunnel('relay', '192.88.99.1', 'icmp-rate = 100'))), { batch: 8 });
    const spent = arriving(udp6({ src: PEER6, dst: WEB, hopLimit: 1 }), PEER, '192.88.99.1');
    const large = udp6({ src: WEB, dst: PEER6 }, 1281);
    let [asked, told, others] = [0, 0, 0];
    for (; bench.now < 10_000; bench.now += 10) {
      bench.fromV4(spent, spent, spent, spent, spent);
      others += bench.ports.protocol41.take().length;
      if (bench.now % 20 > 0) continue;
      asked++;
      bench.fromV6(large);
      told += bench.tun().take().length;
    }
    expect(told).toBe(asked);
    expect(others + told).toBeLessThanOrEqual(10 + 100 * 10);
    expect(others).toBeGreaterThan(400);
  });

  test('a single batch cannot fill memory: at most 64 errors wait, half of them for Packet Too Big alone, and none is lost without being counted', () => {
    const bench = new Bench(withIdentity(toml(tunnel('relay', '192.88.99.1', 'icmp-rate = 1000000'))), { batch: 200 });
    const spent = arriving(udp6({ src: PEER6, dst: WEB, hopLimit: 1 }), PEER, '192.88.99.1');
    bench.ports.protocol41.inbound.push(...Array.from({ length: 200 }, () => spent));
    bench.tun().inbound.push(...Array.from({ length: 200 }, () => udp6({ src: WEB, dst: PEER6 }, 1281)));
    bench.pipeline.step(0);
    expect([bench.ports.protocol41.take().length, bench.tun().take().length]).toEqual([32, 32]);
    expect(bench.counted()).toEqual({
      '0 decapsulate hop_limit': 200,
      '0 encapsulate too_big': 200,
      '0 sent_time_exceeded': 32,
      '0 sent_packet_too_big': 32,
      '0 suppressed': 336,
    });
  });

  test.each([
    ['an ICMPv6 error', timeExceeded6(PEER6, echoRequest({ src: WEB, dst: PEER6 }))],
    ['a redirect', icmp6({ src: PEER6, dst: WEB }, 137, 0, new Uint8Array(36))],
  ])('%s is never answered', (_, message) => {
    const bench = new Bench(relay);
    const spent = Uint8Array.from(message);
    spent[7] = 1;
    spent.set(echoRequest({ src: PEER6, dst: WEB }).subarray(8, 40), 8);
    bench.fromV4(arriving(spent, PEER, '192.88.99.1'));
    expect(bench.ports.protocol41.take()).toEqual([]);
    expect(bench.counted()).toEqual({ '0 decapsulate hop_limit': 1, '0 suppressed': 1 });
  });

  test('what fails a check is dropped in silence (RFC 3056 section 9)', () => {
    const bench = new Bench(relay);
    bench.fromV4(arriving(udp6({ src: PEER6, dst: WEB, hopLimit: 1 }), '203.0.113.66', '192.88.99.1'));
    bench.fromV6(udp6({ src: WEB, dst: '2002:a01:101::1' }, 1401));
    expect([bench.ports.protocol41.take(), bench.tun().take()]).toEqual([[], []]);
    expect(bench.counted()).toEqual({ '0 decapsulate source_mismatch': 1, '0 encapsulate special_ipv4': 1 });
  });

  test('ICMPv4 errors about other traffic of the host are nobody’s business', () => {
    const bench = new Bench(relay);
    bench.ports.icmp4.inbound.push(
      icmp4Error({ src: '203.0.113.9', dst: '198.51.100.99' }, 3, 1, 0, ipv4({ src: '198.51.100.99', dst: PEER }, toMe)),
    );
    bench.ports.icmp4.inbound.push(Uint8Array.of(0x45));
    expect(bench.run()).toBe(2);
    expect(bench.counted()).toEqual({});
  });

  test('without an ICMPv4 port nothing is heard, and nothing else changes', () => {
    const bench = new Bench(relay);
    bench.pipeline.configure(bench.node, Object.assign(bench.ports, { icmp4: null }), 0);
    expect(bench.fromV6(udp6({ src: WEB, dst: PEER6 }))).toHaveLength(1);
  });

  test('a path that proves too small for its link is learned from the refusal: the next packet as large is answered', () => {
    const bench = new Bench(withIdentity(toml(tunnel('relay', '192.88.99.1', 'mtu = 1480', 'path-mtu-discovery = true'))));
    bench.ports.protocol41.fateOf = (frame) => (frame.len > 1492 ? Drop.too_big : Drop.none);
    const large = udp6({ src: WEB, dst: PEER6 }, 1480);
    bench.fromV6(large);
    expect(bench.tun().take()).toEqual([]);
    bench.fromV6(large);
    expect(bench.tun().take().map(toHex)).toEqual([toHex(tooBig6(IDENTITY, 1472, large))]);
    expect(bench.fromV6(udp6({ src: WEB, dst: PEER6 }, 1472))).toHaveLength(1);
    expect(bench.counted()).toEqual({ '0 encapsulate': 1, '0 encapsulate too_big': 2, '0 sent_packet_too_big': 1 });
  });
});

describe('LANs', () => {
  const lan = (name: string, subnet: number) => `[[tunnel.lan]]\ninterface = "${name}"\nsubnet = ${subnet}`;
  const router = toml(tunnel('router', ME, lan('lan0', 1), lan('lan1', 2)));
  const prefixes = (sent: readonly Uint8Array[]) =>
    sent.map((b) => (readRouterAdvertisement(b, 0, b.length)?.prefixes ?? []).map((p) => `${formatPrefix6(p.prefix)} ${p.validLifetime}`));

  test('each LAN hears of its own /64, from the owner of the node only', () => {
    const bench = new Bench(router);
    bench.run();
    expect(prefixes(bench.lan('lan0').take())).toEqual([['2002:c633:6407:1::/64 1800']]);
    expect(prefixes(bench.lan('lan1').take())).toEqual([['2002:c633:6407:2::/64 1800']]);
    expect(bench.pipeline.nextTimeout()).toBe(16_000);

    const other = new Bench(router, { owner: false });
    other.run();
    expect([other.lan('lan0').take(), other.pipeline.nextTimeout()]).toEqual([[], Number.POSITIVE_INFINITY]);
  });

  test('a solicitation is answered; what is no solicitation is malformed_nd', () => {
    const bench = new Bench(router);
    bench.run();
    bench.lan().take();
    bench.now = 10_000;
    const solicitation = icmp6({ src: 'fe80::2', dst: 'ff02::2', hopLimit: 255 }, 133, 0, new Uint8Array(4));
    bench.lan().inbound.push(solicitation, solicitation.with(7, 254), solicitation.with(42, 0xa5));
    bench.run();
    bench.now = 10_500;
    bench.run();
    expect(prefixes(bench.lan().take())).toEqual([['2002:c633:6407:1::/64 1800']]);
    expect(bench.counted()).toEqual({ '0 encapsulate malformed_nd': 2 });
  });

  test('a LAN that the next configuration does not serve is told at once, one that it serves is told what changed', () => {
    const bench = new Bench(router);
    bench.run();
    for (const port of bench.ports.lans.values()) port.take();
    bench.now = 5000;
    bench.reload(toml(tunnel('router', '203.0.113.7', lan('lan1', 3))));
    expect(prefixes(bench.lan('lan0').take())).toEqual([['2002:c633:6407:1::/64 0']]);
    expect(prefixes(bench.lan('lan1').take())).toEqual([]);
    bench.run();
    expect(prefixes(bench.lan('lan1').take())).toEqual([['2002:c633:6407:2::/64 0', '2002:cb00:7107:3::/64 1800']]);
  });

  test('a node that stops tells every LAN', () => {
    const bench = new Bench(router);
    bench.run();
    for (const port of bench.ports.lans.values()) port.take();
    bench.now = 1000;
    bench.pipeline.withdraw(1000);
    expect(prefixes(bench.lan('lan0').take())).toEqual([['2002:c633:6407:1::/64 0']]);
    expect(prefixes(bench.lan('lan1').take())).toEqual([['2002:c633:6407:2::/64 0']]);
  });
});

describe('another configuration', () => {
  const host = toml(tunnel('host', ME, 'mtu = 1480', 'path-mtu-discovery = true'));
  const learn = icmp4Error({ src: '203.0.113.9', dst: ME }, 3, 4, 1400, ipv4({ src: ME, dst: PEER }, toPeer));
  const large = udp6({ src: MINE6, dst: PEER6 }, 1400);

  test('a tunnel that did not change keeps what it learned and what it counted', () => {
    const bench = new Bench(host);
    bench.ports.icmp4.inbound.push(learn);
    bench.run();
    bench.reload(host);
    expect(bench.fromV6(large)).toEqual([]);
    expect(bench.counted()).toEqual({ '0 received_path_mtu': 1, '0 encapsulate too_big': 1, '0 sent_packet_too_big': 1 });
  });

  test('one that changed starts anew, and keeps its counts', () => {
    const bench = new Bench(host);
    bench.ports.icmp4.inbound.push(learn);
    bench.run();
    bench.reload(host.replace('mtu = 1480', 'mtu = 1479'));
    expect(bench.fromV6(large)).toHaveLength(1);
    expect(bench.counted()).toEqual({ '0 received_path_mtu': 1, '0 encapsulate': 1 });
  });

  test('a change of the host counts as a change of every tunnel: an address that has become ours is a loop at once', () => {
    const bench = new Bench(host);
    expect(bench.fromV4(arriving(toMe))).toHaveLength(1);
    const node = bench.node;
    bench.pipeline.configure({ ...node, ownIpv4: [...node.ownIpv4, 0xc000022a] }, bench.ports, 0);
    expect(bench.fromV4(arriving(toMe))).toEqual([]);
    expect(bench.dropped('decapsulate', 'loop')).toBe(1);
  });

  test('another subnet of the host makes no tunnel anew: what was learned stays, and its broadcast address is refused at once', () => {
    const bench = new Bench(host);
    bench.ports.icmp4.inbound.push(learn);
    bench.run();
    const { node } = bench;
    bench.pipeline.configure({ ...node, broadcasts: [...node.broadcasts, 0xc000022a] }, bench.ports, 0);
    expect(bench.fromV6(large)).toEqual([]);
    expect(bench.dropped('encapsulate', 'special_ipv4')).toBe(1);
    bench.pipeline.configure(node, bench.ports, 0);
    expect(bench.fromV6(large)).toEqual([]);
    expect([bench.dropped('encapsulate', 'special_ipv4'), bench.dropped('encapsulate', 'too_big')]).toEqual([1, 1]);
  });

  test('nor does another IPv6 address of the host, as long as it keeps the one that its errors come from', () => {
    const [one, other] = ['2001:db8::1', '2001:db8::2'].map((text) => parseIpv6(text) ?? expect.fail(text));
    const bench = new Bench(host);
    const { node } = bench;
    const forgets = (...ownIpv6: Uint8Array[]): boolean => {
      bench.pipeline.configure({ ...node, ownIpv6 }, bench.ports, 0);
      const forgotten = bench.fromV6(large).length === 1;
      bench.ports.icmp4.inbound.push(learn);
      bench.run();
      return forgotten;
    };
    expect([forgets(one), forgets(other, one), forgets(one), forgets(other), forgets()]).toEqual([true, false, false, true, true]);
  });

  test('a slot that is given to another tunnel starts at nought, and no other cell is touched', () => {
    const bench = new Bench(toml(tunnel('host', ME, 'name = "a"'), tunnel('host', '203.0.113.7', 'name = "b"')));
    bench.fromV4(arriving(toMe));
    bench.tun('tun6to4-2').inbound.push(toPeer);
    bench.run();
    bench.fromV4(arriving(toMe, PEER, '198.51.100.99'));
    bench.reload(
      toml(tunnel('host', ME, 'name = "c"'), tunnel('host', '203.0.113.7', 'name = "b"')),
      new MemoryPorts(nodeOf(toml(tunnel('host', ME, 'name = "c"'), tunnel('host', '203.0.113.7', 'name = "b"')))),
    );
    expect(bench.counted()).toEqual({ '1 encapsulate source_mismatch': 1, 'node decapsulate not_local': 1 });
    expect(bench.counters.row.length).toBe(COUNTER_ROW_LEN);
  });

  test('frames of ports that were closed are never used again', () => {
    const text = toml(tunnel('router', ME, '[[tunnel.lan]]', 'interface = "lan0"', 'subnet = 1'));
    const bench = new Bench(text);
    const ports = new MemoryPorts(bench.node);
    bench.reload(text, ports);
    const used: Frame[] = [];
    const note = (frame: Frame) => {
      used.push(frame);
      return Drop.none;
    };
    for (const port of [ports.protocol41, ...ports.tunnels.values(), ...ports.lans.values()]) port.fateOf = note;
    bench.fromV6(toPeer);
    bench.fromV4(arriving(toMe), arriving(udp6({ src: PEER6, dst: '2002:c633:6407:1::9', hopLimit: 1 })));
    expect(used.length).toBe(4);
    expect(used.every((frame) => ports.frames.has(frame))).toBe(true);
  });
});
