/**
 * A million packets that nobody would send, into whole nodes of every role, from both sides.
 *
 * Every node is there twice, fed the same packets, with slots that were filled with zeros and with ones
 * before: whatever reads beyond a packet tells them apart. After each batch everything has to be
 * accounted for. `TSUNAGI_FUZZ_PACKETS` and `TSUNAGI_FUZZ_SEED` make it longer, or the same again.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { Counters, Direction, drops, NODE_SLOT, packets } from '../../src/core/counters.js';
import { DROPS, Drop } from '../../src/core/drop.js';
import { type Frame, HEADROOM, makeBatch } from '../../src/core/frame.js';
import { Pipeline, type Ports } from '../../src/engine/pipeline.js';
import type { Port, PortKind } from '../../src/engine/port.js';
import { siteAddress } from '../../src/engine/site.js';
import type { NodeSpec } from '../../src/engine/spec.js';
import { sixToFour } from '../../src/mapping/sixrd.js';
import { formatIpv4, formatIpv6 } from '../../src/wire/address.js';
import { echoRequest, hex, icmp6, ipv4 } from '../vectors/compose.js';
import { allVectors } from '../vectors/load.js';
import { nodeOf } from '../vectors/node.js';
import { Chance, LONGEST, PacketSource } from './packet-source.js';

const PACKETS = Number(process.env.TSUNAGI_FUZZ_PACKETS ?? 1_000_000);
const SEED = Number(process.env.TSUNAGI_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const BATCH = 32;

const ALLOW = '[policy]\nallow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]';
const IDENTITY = '[node]\nidentity = "2001:db8:b000::1"';
const tunnel = (role: string, local: string, ...more: string[]) =>
  ['[[tunnel]]', 'type = "6to4"', `role = "${role}"`, `local = "${local}"`, ...more].join('\n');

const NODES: readonly (readonly [name: string, toml: string])[] = [
  ['a host', [tunnel('host', '198.51.100.7'), ALLOW].join('\n')],
  [
    'a host that learns path MTUs and copies what it can',
    [IDENTITY, tunnel('host', '192.0.2.42', 'mtu = 1480', 'path-mtu-discovery = true', 'dscp = "copy"', 'ecn = "normal"'), ALLOW].join(
      '\n',
    ),
  ],
  [
    'a router',
    [
      IDENTITY,
      tunnel('router', '198.51.100.7', 'accept = ["192.0.2.42"]', '[[tunnel.lan]]', 'interface = "lan0"', 'subnet = 1'),
      ALLOW,
    ].join('\n'),
  ],
  ['an anycast relay', [IDENTITY, tunnel('relay', '192.88.99.1', 'accept = ["203.0.113.1"]', 'mtu = 1480'), ALLOW].join('\n')],
  ['a relay at the address of the checks', [IDENTITY, tunnel('relay', '198.51.100.7', 'icmp-rate = 1000000'), ALLOW].join('\n')],
  [
    'a host and a relay on one address',
    [tunnel('host', '198.51.100.7', 'name = "host"'), tunnel('relay', '198.51.100.7', 'name = "relay"'), ALLOW].join('\n'),
  ],
  ['a host that lets nothing special through', tunnel('host', '192.1.2.3')],
];

/** One side's packets in, and a digest of what went out. */
class FuzzPort implements Port {
  readonly kind: PortKind;
  readonly batch = makeBatch(BATCH, HEADROOM + LONGEST);
  readonly #node: FuzzNode;
  waiting: readonly Uint8Array[] = [];
  lens: Uint32Array = new Uint32Array(0);

  constructor(kind: PortKind, node: FuzzNode) {
    this.kind = kind;
    this.#node = node;
  }

  receive(): number {
    const n = Math.min(this.waiting.length, this.lens.length);
    for (let i = 0; i < n; i++) {
      const frame = this.batch[i];
      frame.b.fill(this.#node.dirt, frame.slot, frame.limit);
      frame.fill(this.waiting[i], 0, this.lens[i]);
      frame.remote.read(frame.b, frame.off + 12);
    }
    this.waiting = [];
    return n;
  }

  send(frames: readonly Frame[], n: number): number {
    const node = this.#node;
    const taken = node.fates.oneIn(50) ? node.fates.below(n + 1) : n;
    for (let i = 0; i < taken; i++) {
      const frame = frames[i];
      frame.fate = node.fates.oneIn(50) ? REFUSALS[node.fates.below(REFUSALS.length)] : Drop.none;
      if (this.kind === 'protocol-41') checkOuter(frame, node.spec);
      else checkInner(frame);
      node.digest(this.kind.length, frame);
    }
    return taken;
  }
}

const REFUSALS = [Drop.too_big, Drop.no_route, Drop.send_refused, Drop.tunnel_down];

/** A node under fire. */
class FuzzNode {
  readonly spec: NodeSpec;
  readonly dirt: number;
  readonly counters = new Counters();
  readonly fates: Chance;
  readonly protocol41 = new FuzzPort('protocol-41', this);
  readonly icmp4 = new FuzzPort('icmp4', this);
  readonly devices: readonly FuzzPort[];
  readonly lans: readonly FuzzPort[];
  readonly #pipeline: Pipeline;
  /** Of everything that was sent, in order. */
  sum = 0;

  constructor(toml: string, dirt: number, seed: number) {
    this.spec = nodeOf(toml);
    this.dirt = dirt;
    this.fates = new Chance(seed);
    this.devices = this.spec.tunnels.map(() => new FuzzPort('ipv6', this));
    const lans = this.spec.tunnels.flatMap((spec) => spec.lans.map((lan) => [lan.interface, new FuzzPort('lan', this)] as const));
    this.lans = lans.map(([, port]) => port);
    this.#pipeline = new Pipeline({ counters: this.counters, random: new Chance(seed).fill, owner: true, news: () => {} });
    const ports: Ports = {
      protocol41: this.protocol41,
      icmp4: this.icmp4,
      tunnels: new Map(this.spec.tunnels.map((spec, i) => [spec.interface ?? '', this.devices[i]])),
      udp: new Map(),
      outlet: null,
      lans: new Map(lans),
      dhcp4: new Map(),
      makeBatch,
    };
    this.#pipeline.configure(this.spec, ports, 0);
  }

  /** Hands `batch` to one of the ports and steps until nothing waits. */
  feed(port: number, batch: readonly Uint8Array[], lens: Uint32Array, now: number): void {
    const to = this.ports[port];
    to.waiting = batch;
    to.lens = lens;
    for (let i = 0; this.#pipeline.step(now) > 0; i++) if (i > 64) throw new Error('the pipeline never rests');
  }

  /** Where packets come in: protocol 41, ICMP, each device, each LAN. */
  get ports(): readonly FuzzPort[] {
    return [this.protocol41, this.icmp4, ...this.devices, ...this.lans];
  }

  digest(kind: number, { b, off, end, remote }: Frame): void {
    let sum = (this.sum ^ kind ^ remote.bits) | 0;
    for (let i = off; i < end; i++) sum = Math.imul(sum ^ b[i], 0x01000193);
    this.sum = sum;
  }

  /** Packets that went through, all tunnels. */
  forwarded(direction: number): number {
    return this.spec.tunnels.reduce((n, { slot }) => n + packets([this.counters.row], slot, direction), 0);
  }

  /** Packets that were counted in one direction, forwarded or dropped. */
  counted(direction: number): number {
    const rows = [this.counters.row];
    let n = 0;
    for (const slot of [...this.spec.tunnels.map((spec) => spec.slot), NODE_SLOT]) {
      n += packets(rows, slot, direction);
      for (const { code } of DROPS) n += drops(rows, slot, direction, code);
    }
    return n;
  }
}

/** What leaves into IPv4 is what RFC 4213 section 3.5 describes, between ends that RFC 3964 section 5.1 allows. */
function checkOuter({ b, off, end }: Frame, spec: NodeSpec): void {
  const word = (at: number) => ((b[at] << 8) | b[at + 1]) * 65536 + ((b[at + 2] << 8) | b[at + 3]);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += (b[off + i] << 8) | b[off + i + 1];
  const inner = off + 20;
  const fine =
    b[off] === 0x45 &&
    b[off + 9] === 41 &&
    ((b[off + 2] << 8) | b[off + 3]) === end - off &&
    sum % 65535 === 0 &&
    end - inner === 40 + ((b[inner + 4] << 8) | b[inner + 5]) &&
    spec.tunnels.some(({ local }) => local.includes(word(off + 12))) &&
    !spec.ownIpv4.includes(word(off + 16)) &&
    b[off + 16] !== 0 &&
    b[off + 16] !== 10 &&
    b[off + 16] !== 127 &&
    b[off + 16] < 224 &&
    (b[inner + 8] !== 0x20 || b[inner + 9] !== 2 || word(inner + 10) === word(off + 12)) &&
    (b[inner + 24] !== 0x20 || b[inner + 25] !== 2 || word(inner + 26) === word(off + 16));
  if (!fine) throw new Error(`sent to IPv4: ${Buffer.from(b.subarray(off, end)).toString('hex')}`);
  checkInner({ b, off: inner, end } as Frame);
}

/** What leaves into IPv6, or in an outer packet, is whole and has no address that RFC 3964 section 5.3.2 refuses (an advertisement on a LAN has). */
function checkInner({ b, off, end }: Frame): void {
  const special = (at: number) => (b[at] === 0 && b[at + 1] === 0) || b[at] === 0xff || (b[at] === 0xfe && b[at + 1] >= 0x80);
  const advertises = b[off + 6] === 58 && b[off + 40] === 134 && b[off + 7] === 255;
  const fine =
    b[off] >>> 4 === 6 && end - off === 40 + ((b[off + 4] << 8) | b[off + 5]) && (advertises || (!special(off + 8) && !special(off + 24)));
  if (!fine) throw new Error(`sent to IPv6: ${Buffer.from(b.subarray(off, end)).toString('hex')}`);
}

const vectors = allVectors();
const corpusOf = (from: string) =>
  vectors
    .filter((vector) => vector.from === from)
    .flatMap((vector) => [vector.in, ...(vector.state ?? []).filter((step) => step.from === from).map((step) => step.in)].map(hex));
const fromV4 = corpusOf('v4');
const fromV6 = corpusOf('v6');
const SITE = '203.0.113.5';
const SITE6 = '2002:cb00:7105::1';
const WEB = '3fff:0:1::80';
const ONE = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1);

/** What to start from at a port: the vectors and, as often, packets that this node lets through. */
function corpus(kind: PortKind, spec: NodeSpec): readonly Uint8Array[] {
  if (kind === 'lan') return [solicitation];
  const others = kind === 'ipv6' ? fromV6 : fromV4;
  const good = spec.tunnels
    .flatMap(({ local }) => local)
    .flatMap((addr) => {
      const here = formatIpv4(addr);
      const here6 = formatIpv6(siteAddress(sixToFour, addr, 0, ONE));
      const inward = [
        ipv4({ src: SITE, dst: here }, echoRequest({ src: SITE6, dst: here6 })),
        ipv4({ src: '192.88.99.1', dst: here }, echoRequest({ src: WEB, dst: here6 })),
        ipv4({ src: SITE, dst: here }, echoRequest({ src: SITE6, dst: WEB })),
      ];
      const outward = [
        echoRequest({ src: here6, dst: SITE6 }),
        echoRequest({ src: here6, dst: WEB }),
        echoRequest({ src: WEB, dst: SITE6 }),
      ];
      return kind === 'ipv6' ? outward : inward;
    });
  return [...others, ...others.map((_, i) => good[i % good.length])];
}

const solicitation = icmp6({ src: 'fe80::2', dst: 'ff02::2', hopLimit: 255 }, 133, 0, new Uint8Array(4));

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe(`${PACKETS} packets from seed ${SEED}`, () => {
  const share = Math.ceil(PACKETS / NODES.length);

  test.each(NODES.map(([name, toml], i) => ({ name, toml, seed: SEED + i })))(
    '$name: no exception, each packet accounted for once, no octet read beyond one, no memory kept',
    ({ toml, seed }) => {
      const chance = new Chance(seed);
      const [clean, dirty] = [0x00, 0xff].map((dirt) => new FuzzNode(toml, dirt, seed));
      const sources = clean.ports.map(({ kind }) => new PacketSource(chance, corpus(kind, clean.spec)));
      const batch = Array.from({ length: BATCH }, () => new Uint8Array(LONGEST));
      let now = 0;
      let decapsulated = 0;
      let encapsulated = 0;
      let heap = 0;
      for (let done = 0; done < share; ) {
        const lens = new Uint32Array(1 + chance.below(BATCH));
        // Half of all packets come from IPv4; of the others each port has its share.
        const port = chance.oneIn(2) ? 0 : chance.below(sources.length);
        for (let i = 0; i < lens.length; i++) lens[i] = sources[port].next(batch[i]);
        now += chance.oneIn(100) ? chance.below(100_000) : chance.below(3);
        clean.feed(port, batch, lens, now);
        dirty.feed(port, batch, lens, now);
        done += lens.length;

        const { kind } = clean.ports[port];
        if (kind === 'protocol-41') decapsulated += lens.length;
        if (kind === 'ipv6') encapsulated += lens.length;
        if (kind === 'lan') encapsulated += clean.counted(Direction.encapsulate) - encapsulated; // what was no solicitation
        const accounts = [clean.counted(Direction.decapsulate), clean.counted(Direction.encapsulate)];
        if (accounts[0] !== decapsulated || accounts[1] !== encapsulated || clean.sum !== dirty.sum || !sameRow(clean, dirty)) {
          const shown = Array.from(lens, (len, i) => Buffer.from(batch[i].subarray(0, len)).toString('hex'));
          expect.fail(
            `${kind}, counted ${accounts} of ${[decapsulated, encapsulated]}, digests ${clean.sum} ${dirty.sum}:\n${shown.join('\n')}`,
          );
        }
        if (heap === 0 && done > share / 4) {
          collect();
          heap = process.memoryUsage().heapUsed;
        }
      }
      collect();
      expect(process.memoryUsage().heapUsed - heap).toBeLessThan(2 ** 20);
      expect(clean.forwarded(Direction.decapsulate)).toBeGreaterThan(share / 50);
      expect(clean.forwarded(Direction.encapsulate)).toBeGreaterThan(share / 200);
    },
    Math.max(60_000, PACKETS / 10),
  );
});

/** Whether both counted the same. */
function sameRow(a: FuzzNode, b: FuzzNode): boolean {
  const [x, y] = [a.counters.row, b.counters.row];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}
