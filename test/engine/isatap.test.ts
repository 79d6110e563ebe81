/** An ISATAP host through the packet thread: what is held and counted, what it learns and tells, and what errors do to it. */

import { expect, test } from 'vitest';
import { Counters, Direction, drops, packets } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import type { News } from '../../src/engine/news.js';
import { Pipeline } from '../../src/engine/pipeline.js';
import { type HostFacts, NO_FINDINGS, type NodeSpec } from '../../src/engine/spec.js';
import type { Learned } from '../../src/role/role.js';
import { formatPrefix6 } from '../../src/wire/address.js';
import { hopLimit6 } from '../../src/wire/ipv6.js';
import { seeded } from '../chance.js';
import { advertisement, answerTo, echo, global, HOST, PEER, prefixOption, ROUTER, routeOption, WEB } from '../role/isatap-campus.js';
import { icmp4Error, ipv4, toHex } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';
import { MemoryPorts } from './memory-ports.js';

const TOML = `[[tunnel]]\ntype = "isatap"\nrole = "host"\nlocal = "${HOST}"\npotential-routers = ["${ROUTER}"]\nmtu = 1480\n`;
const ECHO = echo(global(HOST), global(PEER));

class Host {
  readonly counters = new Counters();
  readonly news: News[] = [];
  node: NodeSpec;
  now = 1000;
  readonly pipeline: Pipeline;
  readonly ports: MemoryPorts;
  #learned: Learned | null = null;

  /** `settled`: it has heard its router, and lives by that. */
  constructor(settled = true) {
    this.node = this.resolve();
    this.ports = new MemoryPorts(this.node);
    const news = (one: News) => void this.news.push(one);
    this.pipeline = new Pipeline({ counters: this.counters, random: seeded(3), owner: true, news });
    this.pipeline.configure(this.node, this.ports, this.now);
    if (!settled) return;
    this.hear(ROUTER, advertisement(ROUTER));
    this.follow();
  }

  resolve(facts: Partial<HostFacts> = {}): NodeSpec {
    const learned = new Map(this.#learned === null ? [] : [['isatap-host', this.#learned]]);
    return nodeOf(TOML, { found: { ...NO_FINDINGS, learned }, ...facts });
  }

  /** As the service does: what was learned becomes the next snapshot. */
  follow(): void {
    for (const one of this.news.splice(0)) if (one.kind === 'learned') this.#learned = one.learned;
    this.node = this.resolve();
    this.pipeline.configure(this.node, this.ports, this.now);
  }

  run(): void {
    for (let i = 0; this.pipeline.step(this.now) > 0; i++) expect(i).toBeLessThan(100);
  }

  pass(milliseconds: number): void {
    for (const end = this.now + milliseconds; this.now < end; ) {
      this.now = Math.min(end, Math.max(this.now, this.pipeline.nextTimeout()));
      this.run();
    }
  }

  hear(from: string, inner: Uint8Array): void {
    this.ports.protocol41.inbound.push(ipv4({ src: from, dst: HOST }, inner));
    this.run();
  }

  /** Inner packets that left for `to`. */
  send(...inner: Uint8Array[]): void {
    this.ports.tunnels.get('tunisatap')?.inbound.push(...inner);
    this.run();
  }

  /** What left, outer headers cut off, as hex. */
  left(): Uint8Array[] {
    return this.ports.protocol41.take().map((octets) => octets.slice(20));
  }

  count(): { sent: number; unreachable: number } {
    const rows = [this.counters.row];
    return { sent: packets(rows, 0, Direction.encapsulate), unreachable: drops(rows, 0, Direction.encapsulate, Drop.neighbor_unreachable) };
  }

  /** Answers the neighbour solicitation that left, and only that. */
  answer(): void {
    const solicitations = this.left().filter((octets) => octets[40] === 135);
    expect(solicitations).toHaveLength(1);
    this.hear(PEER, answerTo(solicitations[0]));
  }
}

test('a packet that is held is counted when it leaves, and no solicitation is', () => {
  const host = new Host();
  host.left();
  host.send(ECHO);
  expect(host.count()).toEqual({ sent: 0, unreachable: 0 });
  host.answer();
  expect(host.left().map(toHex)).toEqual([toHex(ECHO)]);
  expect(host.count()).toEqual({ sent: 1, unreachable: 0 });
});

test('one that is held in vain is counted as dropped, and its source is told', () => {
  const host = new Host();
  host.send(ECHO);
  host.pass(10_000);
  expect(host.count()).toEqual({ sent: 0, unreachable: 1 });
  const [error] = host.ports.tunnels.get('tunisatap')?.take() ?? [];
  expect([error[40], error[41]]).toEqual([1, 3]);
  expect(toHex(error.slice(48))).toBe(toHex(ECHO));
});

test('what the owner has learned itself does not make its tunnel anew: a packet that is held stays held', () => {
  const host = new Host();
  host.send(ECHO);
  host.now += 2000;
  host.hear(ROUTER, advertisement(ROUTER, undefined, { lifetime: 9000 }));
  expect(host.news.map(({ kind }) => kind)).toEqual(['learned']);
  host.follow();
  host.run();
  host.left();
  expect(host.count()).toEqual({ sent: 0, unreachable: 0 });
  host.pass(1000);
  host.answer();
  expect(host.count()).toEqual({ sent: 1, unreachable: 0 });
});

test('nor does the first advertisement, though the addresses of the node are others by it', () => {
  const host = new Host(false);
  host.hear(ROUTER, advertisement(ROUTER));
  host.send(ECHO);
  expect(host.news).toHaveLength(1);
  host.follow();
  host.run();
  expect(host.count()).toEqual({ sent: 0, unreachable: 0 });
  host.answer();
  expect(host.count()).toEqual({ sent: 1, unreachable: 0 });
});

test('RFC 5214 section 7.2: an ICMPv4 error makes a peer suspect, so that it is asked', () => {
  const host = new Host();
  host.left();
  host.send(ECHO);
  host.answer();
  host.send(ECHO);
  const quoted = ipv4({ src: HOST, dst: PEER }, ECHO);
  host.left();
  host.pass(8000);
  expect(host.left()).toEqual([]);
  host.ports.icmp4.inbound.push(icmp4Error({ src: '192.0.2.254', dst: HOST }, 3, 1, 0, quoted));
  host.run();
  host.send(ECHO);
  host.pass(5000);
  const asked = host.left().filter((octets) => octets[40] === 135);
  expect(asked.map((octets) => hopLimit6(octets, 0))).toEqual([255]);
});

test('an address at another site: what the routers of the old one said is forgotten', () => {
  const host = new Host();
  expect(host.node.tunnels[0].learned?.prefixes.map(({ prefix }) => formatPrefix6(prefix))).toEqual(['2001:db8:0:1::/64']);
  const moved = { ...host.node, tunnels: host.node.tunnels.map((tunnel) => ({ ...tunnel, local: [0xc6336407] })) };
  host.pipeline.configure(moved, host.ports, host.now);
  host.pass(100);
  const [news] = host.news;
  expect(news.kind === 'learned' && news.learned.prefixes).toEqual([]);
  host.hear(ROUTER, echo(WEB, global(HOST)));
  expect(host.ports.tunnels.get('tunisatap')?.take()).toEqual([]);
});

test('however fast routers change their minds, readers are told five times at once and ten times a second at most, and of the last word', () => {
  const host = new Host(false);
  const route = (i: number) => routeOption(`3fff:${i + 1}::`, 32, 1800);
  for (let i = 0; i < 50; i++) host.hear(ROUTER, advertisement(ROUTER, [prefixOption(), route(i)]));
  host.pass(1);
  expect(host.news).toHaveLength(5);
  host.pass(100);
  expect(host.news).toHaveLength(6);
  const [last] = host.news.slice(-1);
  expect(last.kind === 'learned' && last.learned.routes).toHaveLength(50);
  host.pass(1000);
  expect(host.news).toHaveLength(6);
});
