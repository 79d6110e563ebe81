/** A test of a NAT behind a simulated one, and STUN servers in front of it, in virtual time. */
import type { Random } from '../../src/core/random.js';
import { NatClassifier } from '../../src/role/nat-classifier.js';
import { NatDatagram, type NatTest } from '../../src/role/nat-test.js';
import type { NatVerdict } from '../../src/role/nat-verdict.js';
import { formatAddress, parseAddress } from '../../src/sim/address.js';
import { Nat, type NatOptions } from '../../src/sim/nat.js';
import type { Probe } from '../../src/sim/probe.js';
import { SeededRandom } from '../../src/sim/random.js';
import type { World } from '../../src/sim/world.js';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { u16, u32 } from '../../src/wire/octets.js';
import type { StunEndpoint } from '../../src/wire/stun.js';
import { isUdp4, UDP_LEN, writeUdp4 } from '../../src/wire/udp.js';
import { type Endpoint, INSIDE_HOSTS, INSIDE_ROUTER, OUTSIDE_HOSTS, OUTSIDE_ROUTER } from '../nat-behaviour.js';
import { router, worldOf } from '../sim/worlds.js';
import type { StunResponder } from '../stun-responder.js';

/** Where the client's sockets are. */
export const LOCALS = [
  { addr: parseIpv4(INSIDE_HOSTS.one) ?? 0, port: 40_000 },
  { addr: parseIpv4(INSIDE_HOSTS.one) ?? 0, port: 40_002 },
] as const;
/** Two addresses outside. */
export const ADDRESSES = [OUTSIDE_HOSTS.A, OUTSIDE_HOSTS.B] as const;
/** Rounds that a run takes at most: a classifier that never ends is not waited for. */
const MOST_ROUNDS = 2000;

/** One datagram that left the client. */
export interface Sent {
  readonly at: number;
  readonly socket: number;
  readonly to: string;
}

/** What came of one run. */
export interface Outcome<Verdict = NatVerdict> {
  readonly verdict: Verdict | null;
  readonly sent: readonly Sent[];
  /** Virtual milliseconds. */
  readonly took: number;
}

/** The network of a run. */
export interface NetworkOptions {
  readonly nat: NatOptions | null;
  readonly responders: readonly StunResponder[];
  /** Share of packets lost on the way, 0..1. */
  readonly loss?: number;
  readonly seed?: number;
}

/** How a run of the classifier goes. */
export interface RunOptions extends NetworkOptions {
  readonly servers: readonly StunEndpoint[];
}

/** Lets a classifier come to its verdict. */
export function classify({ servers, ...network }: RunOptions): Outcome {
  return carryOut(network, LOCALS, (random, now) => new NatClassifier({ servers, locals: LOCALS }, random, now));
}

/** Lets a test over sockets on `locals` come to its verdict; `watch` is called whenever it has been told something. */
export function carryOut<Verdict, Test extends NatTest<Verdict>>(
  { nat, responders, loss = 0, seed = 1 }: NetworkOptions,
  locals: readonly StunEndpoint[],
  testOf: (random: Random, now: number) => Test & NatTest<Verdict>,
  watch: (test: Test, now: number) => void = () => {},
): Outcome<Verdict> {
  const world = worldOf(
    [router('nat', { eth0: ['lan', `${INSIDE_ROUTER}/24`], eth1: ['net', `${OUTSIDE_ROUTER}/24`] })],
    [
      { name: 'lan', delay: 1, loss },
      { name: 'net', delay: 4, loss },
    ],
    seed,
  );
  const host = world.host('nat');
  if (nat !== null) host.nat = new Nat(host, host.interface('eth0'), host.interface('eth1'), nat);
  const lan = world.probe('lan');
  const net = world.probe('net');
  lan.claim(parseAddress(INSIDE_HOSTS.one));
  for (const address of ADDRESSES) net.claim(parseAddress(address));

  const random = new SeededRandom(seed).stream('client');
  const test = testOf(random.fill, world.now);
  const datagram = new NatDatagram();
  const sent: Sent[] = [];
  for (let round = 0; round < MOST_ROUNDS && test.verdict === null; round++) {
    while (test.pollTransmit(datagram, world.now)) {
      const to = { address: formatIpv4(datagram.to.addr), port: datagram.to.port };
      sent.push({ at: world.now, socket: datagram.socket, to: `${to.address}:${to.port}` });
      const from = { address: INSIDE_HOSTS.one, port: locals[datagram.socket].port };
      lan.send(udp(from, to, datagram.b.subarray(0, datagram.end)), parseAddress(INSIDE_ROUTER));
    }
    pass(world, lan, net, responders, test, locals);
    test.handleTimeout(world.now);
    watch(test, world.now);
  }
  return { verdict: test.verdict, sent, took: world.now };
}

/** Lets time pass until something has come to the client, or it wants to be woken. */
function pass(
  world: World,
  lan: Probe,
  net: Probe,
  responders: readonly StunResponder[],
  test: NatTest<unknown>,
  locals: readonly StunEndpoint[],
): void {
  do {
    world.advance(1);
    for (const b of net.received.splice(0)) {
      if (!isUdp4(b, 0, b.length)) continue;
      const at = endpointAt(b, 16, 22);
      const responder = responders.find(({ endpoints }) =>
        endpoints.some(({ address, port }) => address === at.address && port === at.port),
      );
      const answer = responder?.answer(b.subarray(28), endpointAt(b, 12, 20), at);
      if (answer !== undefined && answer !== null) net.send(udp(answer.from, answer.to, answer.octets), parseAddress(OUTSIDE_ROUTER));
    }
  } while (lan.received.length === 0 && world.now < test.nextTimeout());
  for (const b of lan.received.splice(0)) {
    const socket = locals.findIndex(({ port }) => b[9] === Protocol.udp && port === u16(b, 22));
    if (socket >= 0) test.handleDatagram(socket, b, 28, b.length, { addr: u32(b, 12), port: u16(b, 20) }, world.now);
  }
}

function udp(from: Endpoint, to: Endpoint, payload: Uint8Array): Uint8Array {
  const b = new Uint8Array(IPV4_LEN + UDP_LEN + payload.length);
  b.set(payload, IPV4_LEN + UDP_LEN);
  writeIpv4(b, 0, b.length, 0, 0, 64, Protocol.udp, parseIpv4(from.address) ?? 0, parseIpv4(to.address) ?? 0);
  writeUdp4(b, 0, IPV4_LEN, b.length, from.port, to.port);
  return b;
}

function endpointAt(b: Uint8Array, addr: number, port: number): Endpoint {
  return { address: formatAddress(b.slice(addr, addr + 4)), port: u16(b, port) };
}
