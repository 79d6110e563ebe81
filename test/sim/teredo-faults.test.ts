/**
 * Two clients behind NATs, their server, a relay and the web, through everything that can go wrong at once: what is
 * lost, late, doubled or out of order; NATs that forget, or have another address; hosts that move, and programs that
 * die. The roles are the real ones. Meanwhile the rules hold; afterwards everybody reaches everybody again.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NatKind } from '../../src/core/nat.js';
import { MAX_REST } from '../../src/role/teredo-qualifier.js';
import { World } from '../../src/sim/world.js';
import { teredoInternet } from '../../src/topology/teredo.js';
import type { Topology, TopologyNode } from '../../src/topology/topology.js';
import { FIGURE_1, KINDS, type Kind } from '../role/teredo-world.js';
import { resolve } from './resolve.js';
import { TeredoObserver } from './teredo-observer.js';
import { found } from './worlds.js';

const SECOND = 1_000;
const MINUTES_20 = 1_200 * SECOND;
const HOMES = ['kanda', 'osaki'] as const;
type HomeName = (typeof HOMES)[number];
const SERVER = 'mita';
const RELAY = 'shinjuku';
const WEB = 'web';
const DAEMONS = [...HOMES, SERVER, RELAY] as const;
const LINKS = ['lan-kanda', 'lan-osaki', 'access', 'pop-mita', 'ix-shinjuku'] as const;
const PERFECT = { loss: 0, duplicate: 0, reorder: 0, delay: 1 };
const NAMES = Object.keys(KINDS) as Kind[];
/** A client that has lost its server rests at most so long, and then asks three times at each of two addresses. */
const RECOVERY = MAX_REST + 25 * SECOND;
/** In it a peer is found, or given up. */
const FIRST_CONTACT = 10 * SECOND;

/** Where the homes are. */
interface Place {
  readonly kinds: readonly [Kind, Kind];
  /** Both are behind the NAT of the first. */
  readonly isShared: boolean;
  /** Of the service ports of the clients; 0: any. With one, whoever is started anew may be where it was before. */
  readonly port: number;
}

/** The network of Teredo with two homes in it. */
function internetOf({ kinds: [first, second], isShared, port }: Place): Topology {
  const gone = new Set(isShared ? ['nat-osaki'] : []);
  const kept = new Set([...HOMES, ...HOMES.map((name) => `nat-${name}`), 'tokyo', SERVER, RELAY, 'core6', WEB]);
  const nodes = teredoInternet.nodes
    .filter(({ name }) => kept.has(name) && !gone.has(name))
    .map((node) => ((HOMES as readonly string[]).includes(node.name) ? withPort(node, port) : node))
    .map((node): TopologyNode => {
      if (node.name === 'nat-kanda') return withNat(node, KINDS[first]);
      if (node.name === 'nat-osaki') return withNat(node, KINDS[second]);
      if (node.name !== 'osaki' || !isShared) return node;
      return {
        ...node,
        interfaces: [{ name: 'eth0', link: 'lan-kanda', addresses: ['192.168.1.3/24'] }],
        routes: [{ to: 'default4', via: '192.168.1.1' }],
      };
    });
  return { ...teredoInternet, nodes };
}

function withPort(node: TopologyNode, port: number): TopologyNode {
  return { ...node, daemon: node.daemon?.replace(/^server = /m, `port = ${port}\nserver = `) ?? '' };
}

function withNat(node: TopologyNode, kind: NatKind): TopologyNode {
  return { ...node, nat: { inside: 'eth0', outside: 'eth1', ...kind } };
}

const home = fc.constantFrom(...HOMES);
const ends = fc.constantFrom<readonly [string, string]>(
  ['kanda', 'osaki'],
  ['osaki', 'kanda'],
  ['kanda', WEB],
  [WEB, 'kanda'],
  [WEB, 'osaki'],
);
const daemon = fc.constantFrom(...DAEMONS);
/** Of time: moments, the length of what the roles wait for, and once in a while long enough for every rest to grow to its full length. */
const time = fc.oneof(
  { weight: 6, arbitrary: fc.nat(3_000) },
  { weight: 6, arbitrary: fc.nat(60_000) },
  { weight: 1, arbitrary: fc.nat(MINUTES_20) },
);
/** What may happen next. Most of it is time, and attempts to reach somebody. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: time }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('talk' as const),
      ends,
      count: fc.integer({ min: 1, max: 20 }),
      gap: fc.constantFrom(10, 700, 5_000, 31_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('impair' as const),
      link: fc.constantFrom(...LINKS),
      loss: fc.constantFrom(0, 0, 0.1, 0.5, 1),
      duplicate: fc.constantFrom(0, 0, 0.1, 0.5),
      reorder: fc.constantFrom(0, 0, 0.1, 0.5),
      delay: fc.constantFrom(1, 1, 20, 300, 3_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mend' as const), link: fc.constantFrom(...LINKS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), home }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rebind' as const), home }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), home }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unplug' as const), home, ms: time }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), node: daemon, ms: time }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stop' as const), node: daemon, ms: time }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const place = fc.record({
  kinds: fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES)),
  isShared: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  port: fc.constantFrom(0, 40_000),
});

/** One life of the network. */
class Life {
  readonly world: World;
  readonly #place: Place;
  readonly #observer: TeredoObserver;

  constructor(where: Place, seed: number) {
    this.#place = where;
    this.world = new World(internetOf(where), { resolve, seed, eventBudget: 100_000 });
    const symmetric = HOMES.map((name) => [name, this.#kindOf(name).endsWith('symmetric')] as const);
    this.#observer = new TeredoObserver(this.world, new Map(symmetric), RELAY);
  }

  take(one: Step): void {
    const { world } = this;
    if (one.kind === 'wait') world.advance(one.ms);
    else if (one.kind === 'talk') this.#talk(one.ends, one.count, one.gap);
    else if (one.kind === 'impair') world.impair(one.link, one);
    else if (one.kind === 'mend') world.impair(one.link, PERFECT);
    else if (one.kind === 'forget') world.host(this.#gatewayOf(one.home)).nat?.forget();
    else if (one.kind === 'rebind') this.#renumber(this.#gatewayOf(one.home), 'eth1', 100);
    else if (one.kind === 'move') this.#renumber(one.home, 'eth0', 100);
    else if (one.kind === 'unplug') this.#unplug(one.home, one.ms);
    else this.#end(one.node, one.kind, one.ms);
    this.#checkTimers();
    expect(world.unaccounted()).toBe(0);
  }

  /** Nothing goes wrong any more. */
  mend(): void {
    const { world } = this;
    for (const link of world.links.keys()) world.impair(link, PERFECT);
    for (const name of HOMES) this.#plug(name);
    for (const name of DAEMONS) this.#start(name);
  }

  /** Everybody is qualified after a while, and reaches everybody. */
  recovers(): void {
    const { world } = this;
    world.advance(RECOVERY);
    this.#checkTimers();
    for (const name of HOMES) expect(found(world, name), name).toMatchObject({ state: 'qualified' });
    const ends = [...HOMES, WEB];
    for (const from of ends)
      for (const to of ends)
        if (from !== to && this.#promises(from, to)) expect([from, to, this.#ping(from, to)]).toEqual([from, to, 'reply']);
    expect(world.unaccounted()).toBe(0);
  }

  #ping(from: string, to: string): string {
    const address = this.#observer.addressOf(to) ?? expect.fail(`${to} has no address`);
    const echo = this.#observer.ping(from, to, address);
    this.world.advance(FIRST_CONTACT);
    return echo.answer;
  }

  /** Several echo requests, a time apart, to where the other one is now, or was last. */
  #talk([from, to]: readonly [string, string], count: number, gap: number): void {
    const { world } = this;
    const address = this.#observer.addressOf(to);
    if (address === null) return;
    for (let i = 0; i < count; i++) world.at(world.now + i * gap, () => this.#observer.ping(from, to, address));
  }

  /** Whether RFC 6081 says that one reaches the other. */
  #promises(from: string, to: string): boolean {
    if (from === WEB || to === WEB || this.#place.isShared) return true;
    return FIGURE_1[this.#effectiveKind(from)][NAMES.indexOf(this.#effectiveKind(to))];
  }

  #kindOf(name: string): Kind {
    return this.#place.kinds[this.#place.isShared || name === HOMES[0] ? 0 : 1];
  }

  /** A NAT that has forgotten its mappings gives other ports than before, and preserves none of those that are used again. */
  #effectiveKind(name: string): Kind {
    const kind = this.#kindOf(name);
    const { mapped, localPort } = found(this.world, name);
    return kind === 'port-preserving symmetric' && mapped?.port !== localPort ? 'random symmetric' : kind;
  }

  #gatewayOf(name: HomeName): string {
    return `nat-${this.#place.isShared ? HOMES[0] : name}`;
  }

  /** Has another address in the same subnet from now on, and the first one again the next time. */
  #renumber(node: string, on: string, by: number): void {
    const { world } = this;
    const { ipv4 } = world.host(node).interface(on);
    if (ipv4 === null) return;
    const [a, b, c, d] = ipv4.addr;
    const text = (last: number) => `${a}.${b}.${c}.${last}/${ipv4.len}`;
    world.renumber(node, on, text(d), text(d > by ? d - by : d + by));
    this.#observer.restarted(node);
  }

  #unplug(name: string, ms: number): void {
    const { world } = this;
    world.setInterface(name, 'eth0', false);
    world.at(world.now + ms, () => this.#plug(name));
  }

  #plug(name: string): void {
    const { world } = this;
    if (world.host(name).interface('eth0').isUp) return;
    this.#observer.restarted(name);
    world.setInterface(name, 'eth0', true);
  }

  #end(node: string, how: 'kill' | 'stop', ms: number): void {
    const { world } = this;
    world.daemon(node)[how]();
    world.at(world.now + ms, () => this.#start(node));
  }

  #start(node: string): void {
    const daemon = this.world.daemon(node);
    if (daemon.node !== null) return;
    this.#observer.restarted(node);
    daemon.start();
  }

  /** A client always waits for something, and nobody for what is past, or for longer than the longest rest. */
  #checkTimers(): void {
    const { now, daemons } = this.world;
    for (const [name, daemon] of daemons) {
      const { nextTimeout, node } = daemon;
      if (node === null) continue;
      expect([name, nextTimeout === Number.POSITIVE_INFINITY || nextTimeout <= now + MAX_REST]).toEqual([name, true]);
      if ((HOMES as readonly string[]).includes(name)) expect([name, nextTimeout]).not.toEqual([name, Number.POSITIVE_INFINITY]);
    }
  }
}

const isLong = process.env.TSUNAGI_LONG !== undefined;
const RUNS = isLong ? 5_000 : 40;

test(`whatever goes wrong, in ${RUNS} lives: the rules hold, and afterwards everybody reaches everybody`, { timeout: 1_800_000 }, () => {
  fc.assert(
    fc.property(place, fc.array(step, { maxLength: 60, size: 'max' }), fc.nat(0xffff), (where, steps, seed) => {
      const life = new Life(where, seed);
      for (const one of steps) life.take(one);
      life.mend();
      life.recovers();
    }),
    { seed: isLong ? 2 : 1, numRuns: RUNS },
  );
});
