/**
 * Packets that nobody honest would send, into Teredo tunnels of every role: from IPv4 out of the mouth of whoever is
 * most believed, from IPv6 to whoever there may be. Who attacks sees all that the tunnel sends, and gives it back with
 * something changed: nonces and keys keep nobody out here, so what holds, holds by the other checks.
 *
 * Every tunnel is there twice, on memory that was filled with zeros and with ones before: whatever reads beyond a packet
 * tells them apart. `TSUNAGI_FUZZ_PACKETS` and `TSUNAGI_FUZZ_SEED` make it longer, or the same again.
 */
import { describe, expect, test } from 'vitest';
import { Counters, Direction, drops } from '../../src/core/counters.js';
import { DROPS } from '../../src/core/drop.js';
import { NO_FLOWS } from '../../src/core/flows.js';
import { type Frame, HEADROOM, makeBatch } from '../../src/core/frame.js';
import { Verdict } from '../../src/core/verdict.js';
import { NodeContext } from '../../src/engine/node.js';
import type { UdpPort } from '../../src/engine/port.js';
import type { NodeSpec, TunnelSpec } from '../../src/engine/spec.js';
import { socketsOf } from '../../src/engine/technologies.js';
import { Tunnel } from '../../src/engine/tunnel.js';
import { type EndpointText, NO_HERITAGE, TransmitTo } from '../../src/role/role.js';
import { formatIpv4, formatIpv6, parseIpv4 } from '../../src/wire/address.js';
import { answerTo, readQuestion, writeAnswer } from '../role/teredo-fake-server.js';
import { echoRequest, hex, ipv6, join, Next, toHex } from '../vectors/compose.js';
import { loadVectors } from '../vectors/load.js';
import { nodeOf } from '../vectors/node.js';
import { Chance, LONGEST, PacketSource } from './packet-source.js';

const PACKETS = Number(process.env.TSUNAGI_FUZZ_PACKETS ?? 300_000);
const SEED = Number(process.env.TSUNAGI_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const BATCH = 32;
/** Packets that a tunnel has sent and that come back, changed. */
const ECHOES = 64;
const MOST_PEERS = 200;
/** Bubbles to four alternate addresses, one to the peer and one by its server. */
const MOST_ANSWERS = 6;
/** A bubble to a peer and one by its server, or a solicitation, for each that is asked at a time. */
const MOST_AT_ONCE = 1_000;

const ALLOW = '[policy]\nallow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]';
const node = (role: string, ...lines: string[]) =>
  ['[node]\nidentity = "3fff:0:ffff::1"', '[[tunnel]]\ntype = "teredo"', `role = "${role}"`, ...lines, ALLOW].join('\n');
const SERVER = ['local = "65.54.227.120"', 'secondary = "65.54.227.121"'];
const CLIENT = ['server = "65.54.227.120"', `max-peers = ${MOST_PEERS}`];
const WEB = '3fff:0:1::80';

interface Target {
  readonly name: string;
  readonly toml: string;
  /** What the two addresses of its server see of a client. */
  readonly origins?: readonly [string, string];
  /** Where its gateway leads a port to it. */
  readonly external?: EndpointText;
}

const TARGETS: readonly Target[] = [
  { name: 'a server', toml: node('server', ...SERVER) },
  {
    name: 'a server in secure mode',
    toml: node('server', ...SERVER, '[[tunnel.client]]\nidentifier = "01"\nsecret = "0102030405060708090a0b0c0d0e0f10"'),
  },
  { name: 'a relay', toml: node('relay', 'local = "203.0.113.200"', `max-peers = ${MOST_PEERS}`) },
  { name: 'a relay behind a NAT', toml: node('relay', 'local = "192.168.1.1"', `max-peers = ${MOST_PEERS}`) },
  { name: 'a client', toml: node('client', 'local = "192.168.1.10"', ...CLIENT), origins: ['192.0.2.45:40000', '192.0.2.45:40000'] },
  {
    name: 'a client behind a symmetric NAT',
    toml: node('client', 'local = "192.168.1.10"', ...CLIENT),
    origins: ['192.0.2.45:40000', '192.0.2.45:40001'],
  },
  {
    name: 'a client that searches for its refresh interval, and for others nearby',
    toml: node('client', 'local = "192.168.1.10"', ...CLIENT, 'refresh-interval = "auto"', 'local-discovery = true'),
    origins: ['192.0.2.45:40000', '192.0.2.45:40000'],
  },
  {
    name: 'a client behind a symmetric NAT, whose gateway leads a port to it',
    toml: node('client', 'local = "192.168.1.10"', ...CLIENT, 'local-discovery = true'),
    origins: ['192.0.2.45:50000', '192.0.2.45:50001'],
    external: { addr: parseIpv4('192.0.2.45') ?? 0, port: 40_000 },
  },
];

/** Endpoints that things come from. */
const SOURCES = [
  '65.54.227.120:3544',
  '65.54.227.121:3544',
  '192.0.2.45:40000',
  '198.51.100.118:4096',
  '203.0.113.200:3545',
  '10.0.0.1:9',
  '192.168.1.11:4096',
];

/** The UDP payloads and the IPv6 packets of all vectors. */
const vectors = loadVectors('teredo').flatMap((vector) => [vector, ...(vector.state ?? [])]);
const payloads = vectors.filter(({ from }) => from === 'v4').map((step) => hex(step.in).slice(28));
const packets6 = vectors.filter(({ from }) => from === 'v6').map((step) => hex(step.in));

/** What may be wrong with a packet that leaves. */
function fail(what: string, b: Uint8Array, off: number, end: number): never {
  throw new Error(`${what}: ${toHex(b.slice(off, end))}`);
}

const isTeredo = (b: Uint8Array, at: number) => toHex(b.slice(at, at + 4)) === '20010000';
/** The endpoint that the Teredo address at `b[at..)` carries. */
const carried = (b: Uint8Array, at: number) =>
  `${formatIpv4((((b[at + 12] << 24) | (b[at + 13] << 16) | (b[at + 14] << 8) | b[at + 15]) ^ -1) >>> 0)}:${((b[at + 10] << 8) | b[at + 11]) ^ 0xffff}`;
const isSpecial6 = (b: Uint8Array, at: number) =>
  (b[at] === 0 && b[at + 1] === 0) || b[at] === 0xff || (b[at] === 0xfe && b[at + 1] >= 0x80);

/** The same client, with a gateway that has granted it `external`. */
function withGateway(spec: TunnelSpec, external: EndpointText | undefined): TunnelSpec {
  if (spec.type !== 'teredo' || external === undefined) return spec;
  const mapping = { gateway: parseIpv4('192.168.1.1'), local: { addr: spec.local[0], port: 40_000 }, by: 'pcp' as const, failure: null };
  return { ...spec, portMapping: { ...mapping, external } };
}

/** A tunnel under attack. */
class Besieged {
  readonly spec: NodeSpec;
  readonly counters = new Counters();
  readonly tunnel: Tunnel;
  readonly out = makeBatch(1, HEADROOM + 70_000)[0];
  /** What it has sent lately, a UDP payload each. */
  readonly echoes: Uint8Array[] = [];
  /** Solicitations that nobody has answered yet. */
  readonly questions: { readonly payload: string; readonly to: string; readonly socket: number }[] = [];
  readonly sockets: readonly UdpPort[];
  /** Packets that came, went on, were taken, wait, and wait no longer, by direction. */
  readonly tally = { in: 0, forward: 0, consumed: 0, hold: 0, drop: 0, settled: 0, sent: 0 };
  sum = 0;
  readonly #frame: Frame;
  readonly #dirt: number;
  readonly #limits: { readonly answers: number };

  constructor({ toml, external }: Target, dirt: number, seed: number) {
    this.spec = nodeOf(toml);
    const spec = withGateway(this.spec.tunnels[0], external);
    this.#dirt = dirt;
    this.#frame = makeBatch(1, HEADROOM + LONGEST)[0];
    this.sockets = socketsOf(spec).map(({ port }, i) => ({
      kind: 'udp',
      batch: [],
      localPort: port || 40_000 + i,
      receive: () => 0,
      send: () => 0,
    }));
    this.#limits = { answers: spec.type === 'teredo' && spec.role === 'client' ? MOST_ANSWERS : 2 };
    const context = {
      node: new NodeContext(this.spec),
      random: new Chance(seed).fill,
      speaks: true,
      flows: NO_FLOWS,
      before: NO_HERITAGE,
      now: 0,
    };
    this.tunnel = new Tunnel(spec, this.counters, { ...context, sockets: this.sockets });
    this.drain(0);
  }

  get role(): string {
    const [spec] = this.spec.tunnels;
    return spec.type === 'teredo' ? spec.role : '';
  }

  get address(): Uint8Array | null {
    return this.tunnel.learned?.teredo?.address ?? null;
  }

  /** Drops of packets that had waited are counted by the tunnel itself. */
  get settled(): number {
    const rows = [this.counters.row];
    let n = this.tally.settled;
    for (const { code } of DROPS)
      for (const way of [Direction.encapsulate, Direction.decapsulate]) n += drops(rows, this.spec.tunnels[0].slot, way, code);
    return n;
  }

  feed(side: 'v4' | 'v6', from: string, socket: number, packet: Uint8Array, len: number, now: number): number {
    const frame = this.#frame;
    frame.b.fill(this.#dirt);
    frame.fill(packet, 0, len);
    const [host, port] = from.split(':');
    frame.remote.addr = parseIpv4(host) ?? 0;
    frame.remote.port = Number(port);
    frame.socket = socket;
    const verdict = side === 'v4' ? this.tunnel.fromV4(frame, now) : this.tunnel.fromV6(frame, now);
    const { tally } = this;
    tally.in++;
    if (verdict === Verdict.forward) {
      tally.forward++;
      if (side === 'v4') this.#checkInward(frame, from);
      else this.#checkOutward(frame);
    } else if (verdict === Verdict.hold) tally.hold++;
    else if (verdict === Verdict.consumed) tally.consumed++;
    else if (verdict > 0 && verdict < Verdict.forward) tally.drop++;
    else throw new Error(`verdict ${verdict}`);
    this.#digest(verdict, frame);
    const before = tally.sent;
    this.drain(now);
    if (tally.sent - before > this.#limits.answers) throw new Error(`${tally.sent - before} answers to ${toHex(packet.slice(0, len))}`);
    if (this.tunnel.peers > MOST_PEERS) throw new Error(`${this.tunnel.peers} peers`);
    return verdict;
  }

  /** Runs what is due. */
  pass(now: number): void {
    if (this.tunnel.nextTimeout() > now) return;
    this.tunnel.handleTimeout(now);
    this.drain(now);
    if (this.tunnel.nextTimeout() <= now) throw new Error('a timer that is due again at once');
  }

  drain(now: number): void {
    const { out } = this;
    for (let i = 0; ; i++) {
      if (i > MOST_AT_ONCE) throw new Error('it never stops sending');
      out.b.fill(this.#dirt);
      const to = this.tunnel.pollTransmit(out, now);
      if (to === TransmitTo.nowhere) return;
      this.#digest(to, out);
      if (to === TransmitTo.released || to === TransmitTo.admitted) this.tally.settled++;
      if (to === TransmitTo.admitted) this.#checkInward(out, null);
      if (to === TransmitTo.released) this.#checkOutward(out);
      if (to === TransmitTo.carrier) this.#keep(out);
    }
  }

  #keep(out: Frame): void {
    this.#checkOutward(out);
    const { b, off, end } = out;
    this.tally.sent++;
    const payload = b.slice(off, end);
    this.echoes.push(payload);
    if (this.echoes.length > ECHOES) this.echoes.shift();
    const inner = off + (b[off] === 0 && b[off + 1] === 1 ? 13 + b[off + 2] + b[off + 3] : 0);
    if (this.role === 'client' && b[inner] >>> 4 === 6 && b[inner + 6] === 58 && b[inner + 40] === 133)
      this.questions.push({ payload: toHex(payload), to: formatIpv4(out.remote.addr), socket: out.socket });
    if (this.questions.length > 4) this.questions.shift();
  }

  /** What goes into IPv4 goes to somebody, who is not this node, and is a Teredo packet. */
  #checkOutward({ b, off, end, remote, socket }: Frame): void {
    const [first, second, third] = [24, 16, 8].map((shift) => (remote.addr >>> shift) & 255);
    const isNear = first === 192 && second === 168 && third === 1;
    const isPrivate = first === 10 || (first === 192 && second === 168) || (first === 172 && second >>> 4 === 1);
    const isBubble = b[off] >>> 4 === 6 && b[off + 6] === Next.none;
    const isAnnouncement =
      isBubble && b[off + 24] === 0xff && b[off + 7] === 1 && remote.addr === parseIpv4('224.0.0.253') && remote.port === 3544;
    const isNobody =
      first === 0 || first === 127 || (first >= 224 && !isAnnouncement) || remote.port === 0 || this.spec.ownIpv4.includes(remote.addr);
    // What a peer says of where else it is may be private, RFC 6081 section 4.3; and who is nearby is.
    const mayBePrivate = this.role === 'client' && (isBubble || isNear);
    if (isNobody || (isPrivate && !mayBePrivate)) fail(`to ${formatIpv4(remote.addr)}:${remote.port}`, b, off, end);
    if (socket >= this.sockets.length) fail(`by socket ${socket}`, b, off, end);
    const start = b[off] >>> 4 === 6 || (b[off] === 0 && b[off + 1] <= 1);
    if (!start || end - off > 1280 + 8) fail('no Teredo packet', b, off, end);
  }

  /** What goes to IPv6 is whole, comes from nobody special, and is for whom the role serves. */
  #checkInward({ b, off, end }: Frame, from: string | null): void {
    const whole = b[off] >>> 4 === 6 && end - off === 40 + ((b[off + 4] << 8) | b[off + 5]);
    if (!whole || isSpecial6(b, off + 8) || isSpecial6(b, off + 24)) fail('to IPv6', b, off, end);
    const destination = toHex(b.slice(off + 24, off + 40));
    if (this.role === 'client') {
      if (this.address === null || destination !== toHex(this.address)) fail('not for the client', b, off, end);
      if (toHex(b.slice(off + 8, off + 24)) === destination) fail('from the client', b, off, end);
      return;
    }
    if (!isTeredo(b, off + 8) || isTeredo(b, off + 24)) fail('not from a client to the others', b, off, end);
    if (
      this.role === 'server' &&
      (carried(b, off + 8) !== from || (b[off + 6] !== Next.icmp6 && b[off + 6] !== Next.none) || end - off > 128)
    )
      fail('not for a server', b, off, end);
  }

  #digest(verdict: number, { b, off, end, remote }: Frame): void {
    let sum = (this.sum ^ verdict ^ remote.bits ^ remote.port) | 0;
    for (let i = off; i < end; i++) sum = Math.imul(sum ^ b[i], 0x01000193);
    this.sum = sum;
  }
}

/** Payloads in which this node and its peers are spoken to. */
function corpusOf(target: Besieged): Uint8Array[] {
  const clients = ['2001:0:4136:e378:0:63bf:3fff:fdd2', '2001:0:4136:e378:2057:efff:39cc:9b89', '2001:0:c000:278:1:efff:39cc:9b89'];
  const own = target.address === null ? clients[0] : formatIpv6(target.address);
  const bubble = (src: string, dst: string) => ipv6({ src, dst, hopLimit: 255 }, Next.none, new Uint8Array(0));
  const origin = hex('0000efff39cc9b89');
  const trailers = [hex('0104deadbeef'), hex('03140000c0a8010a9c400a0000019c41cb0071329c42'), hex('040400000000'), hex('05022222')];
  return [own, ...clients, WEB, '3fff:0:ffff::1', 'fe80::8000:f227:bec9:1c87', 'fe80::1'].flatMap((src) =>
    [own, clients[1], WEB, 'ff02::1'].flatMap((dst) => [
      bubble(src, dst),
      echoRequest({ src, dst }),
      ...trailers.map((trailer) => join(bubble(src, dst), trailer)),
      join(origin, bubble(src, dst), ...trailers),
    ]),
  );
}

describe(`${PACKETS} packets from seed ${SEED}`, () => {
  const share = Math.ceil(PACKETS / TARGETS.length);

  test.each(TARGETS.map((target, i) => ({ ...target, seed: SEED + i })))(
    '$name: nothing is thrown, each packet is accounted for once, nothing is read beyond one, and what leaves goes where it may',
    (target) => {
      const { seed, origins } = target;
      const chance = new Chance(seed);
      const [clean, dirty] = [0x00, 0xff].map((dirt) => new Besieged(target, dirt, seed));
      const both = [clean, dirty];
      const inward: Uint8Array[] = [...payloads, ...corpusOf(clean)];
      const fixed = inward.length;
      const sources = { v4: new PacketSource(chance, inward), v6: new PacketSource(chance, packets6) };
      const packet = new Uint8Array(LONGEST);
      let now = 0;

      const answer = (): void => {
        const question = clean.questions.shift();
        dirty.questions.shift();
        if (question === undefined || origins === undefined || chance.oneIn(20)) return;
        const moved = chance.oneIn(50);
        const origin = moved ? `192.0.2.46:${1024 + chance.below(1000)}` : origins[question.to.endsWith('0') ? 0 : 1];
        const { payload } = writeAnswer(answerTo(readQuestion(question.payload, null), '65.54.227.120', origin));
        for (const node of both) node.feed('v4', `${question.to}:3544`, question.socket, payload, payload.length, now);
      };

      for (let done = 0; done < share; done++) {
        if (done % BATCH === 0) {
          now += chance.oneIn(100) ? chance.below(100_000) : chance.below(20);
          for (const node of both) node.pass(now);
          answer();
          inward.length = fixed;
          inward.push(...clean.echoes, ...(done % 320 === 0 ? corpusOf(clean) : []));
        }
        const side = chance.oneIn(3) ? 'v6' : 'v4';
        const len = sources[side].next(packet);
        aim(packet, len, clean, chance, side);
        const at = packet[0] >>> 4 === 6 ? 0 : 8;
        const from = isTeredo(packet, at + 8) && !chance.oneIn(3) ? carried(packet, at + 8) : SOURCES[chance.below(SOURCES.length)];
        const socket = chance.oneIn(4) ? chance.below(clean.sockets.length) : 0;
        const verdicts = both.map((node) => node.feed(side, from, socket, packet, len, now));
        if (verdicts[0] !== verdicts[1] || clean.sum !== dirty.sum)
          expect.fail(`verdicts ${verdicts}, digests ${clean.sum} ${dirty.sum}: ${from} ${toHex(packet.slice(0, len))}`);
      }
      const { tally } = clean;
      expect(tally.forward + tally.consumed + tally.hold + tally.drop).toBe(tally.in);
      // Nothing waits for ever.
      for (let later = 2_000; later <= 40_000; later += 2_000) clean.pass(now + later);
      expect(clean.settled).toBe(tally.hold);
      expect(tally.forward + tally.consumed).toBeGreaterThan(share / 100);
    },
    Math.max(60_000, PACKETS / 5),
  );
});

/** Of what would be dropped for a trifle, much is not: lengths are right, and it is for this node. */
function aim(packet: Uint8Array, len: number, { address, role }: Besieged, chance: Chance, side: 'v4' | 'v6'): void {
  let at = 0;
  if (side === 'v4' && packet[at] === 0 && packet[at + 1] === 1) at += 13 + packet[at + 2] + packet[at + 3];
  if (side === 'v4' && packet[at] === 0 && packet[at + 1] === 0) at += 8;
  if (len - at < 40 || packet[at] >>> 4 !== 6) return;
  if (chance.oneIn(2) && packet[at + 6] !== Next.none) {
    packet[at + 4] = (len - at - 40) >>> 8;
    packet[at + 5] = len - at - 40;
  }
  if (role === 'client' && address !== null && !chance.oneIn(4)) packet.set(address, at + (side === 'v4' ? 24 : 8));
}
