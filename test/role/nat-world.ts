/** A classifier behind a simulated NAT, and STUN servers in front of it, in virtual time. */

import { NatClassifier } from '../../src/role/nat-classifier.js';
import { NatDatagram } from '../../src/role/nat-test.js';
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
export interface Outcome {
  readonly verdict: NatVerdict | null;
  readonly sent: readonly Sent[];
  /** Virtual milliseconds. */
  readonly took: number;
}

/** How a run goes. */
export interface RunOptions {
  readonly nat: NatOptions | null;
  readonly servers: readonly StunEndpoint[];
  readonly responders: readonly StunResponder[];
  /** Share of packets lost on the way, 0..1. */
  readonly loss?: number;
  readonly seed?: number;
}

/** Lets a classifier come to its verdict. */
export function classify({ nat, servers, responders, loss = 0, seed = 1 }: RunOptions): Outcome {
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
  const classifier = new NatClassifier({ servers, locals: LOCALS }, random.fill, world.now);
  const datagram = new NatDatagram();
  const sent: Sent[] = [];
  for (let round = 0; round < MOST_ROUNDS && classifier.verdict === null; round++) {
    while (classifier.pollTransmit(datagram, world.now)) {
      const to = { address: formatIpv4(datagram.to.addr), port: datagram.to.port };
      sent.push({ at: world.now, socket: datagram.socket, to: `${to.address}:${to.port}` });
      const from = { address: INSIDE_HOSTS.one, port: LOCALS[datagram.socket].port };
      lan.send(udp(from, to, datagram.b.subarray(0, datagram.end)), parseAddress(INSIDE_ROUTER));
    }
    pass(world, lan, net, responders, classifier);
    classifier.handleTimeout(world.now);
  }
  return { verdict: classifier.verdict, sent, took: world.now };
}

/** Lets time pass until something has come to the client, or it wants to be woken. */
function pass(world: World, lan: Probe, net: Probe, responders: readonly StunResponder[], classifier: NatClassifier): void {
  do {
    world.advance(1);
    for (const b of net.received.splice(0)) {
      if (!isUdp4(b, 0, b.length)) continue;
      const at = endpointAt(b, 16, 22);
      const responder = responders.find(({ endpoints }) =>
        endpoints.some(({ address, port }) => address === at.address && port === at.port),
      );
      const answer = responder?.answer(b.subarray(28), endpointAt(b, 12, 20), at);
      if (answer !== undefined && answer !== null)
        net.send(udp(answer.from, endpointAt(b, 12, 20), answer.octets), parseAddress(OUTSIDE_ROUTER));
    }
  } while (lan.received.length === 0 && world.now < classifier.nextTimeout());
  for (const b of lan.received.splice(0)) {
    const socket = LOCALS.findIndex(({ port }) => b[9] === Protocol.udp && port === u16(b, 22));
    if (socket >= 0) classifier.handleDatagram(socket, b, 28, b.length, { addr: u32(b, 12), port: u16(b, 20) }, world.now);
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
