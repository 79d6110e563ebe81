/**
 * The vectors over the simulator: a daemon on a host, with the host's own IPv4 stack in front of it.
 *
 *   stranger ---- wire ---- eth0 [ IPv4 stack -> sockets -> daemon -> device ]
 *
 * `v4` packets come over the wire. `v6` packets are put into the device, and what comes out of it is caught there,
 * where a capture would show both: what the host's IPv6 stack thinks of them is no business of the tunnel's.
 */
import { describe, expect, test, vi } from 'vitest';
import { NOT_ASKED_FOR, noFastPath } from '../../src/daemon/fast-path-place.js';
import { readStatus } from '../../src/daemon/status.js';
import { SIZE4 } from '../../src/sim/address.js';
import { Daemon } from '../../src/sim/daemon.js';
import type { Interface } from '../../src/sim/interface.js';
import type { EventName } from '../../src/sim/trace.js';
import { formatIpv4 } from '../../src/wire/address.js';
import { IPV4_DST, IPV4_LEN, IPV4_SRC } from '../../src/wire/ipv4.js';
import { IPV6_LEN } from '../../src/wire/ipv6.js';
import { hex } from '../vectors/compose.js';
import { allVectors } from '../vectors/load.js';
import { configOf, hostAddresses } from '../vectors/node.js';
import {
  countedSince,
  expectedOutcome,
  expectedSpeech,
  judgementOf,
  latest,
  outcomeOf,
  type Sent,
  speechOf,
  type Tally,
  tallyOf,
} from '../vectors/outcome.js';
import type { Vector } from '../vectors/vector.js';
import { resolve } from './resolve.js';
import { node, worldOf } from './worlds.js';

/** Octets on the wire, more than any packet of a vector has. */
const WIRE_MTU = 9000;

const vectors = allVectors();

/** What does not get as far as the tunnel, by how it ends on the host: its stack takes it, refuses it, or passes it by. */
const DECIDED_BY_THE_HOST: Partial<Record<EventName, readonly string[]>> = {
  malformed: [
    'host-receives-a-header-length-of-16',
    'host-receives-a-header-longer-than-the-packet',
    'host-receives-a-packet-cut-by-one-octet',
    'host-receives-a-total-length-of-0',
    'host-receives-half-an-ipv4-header',
    'host-receives-nothing',
    'host-receives-outer-version-5',
  ],
  bad_source: [
    'host-receives-from-loopback-127-0-0-0',
    'host-receives-from-loopback-127-255-255-255',
    'host-receives-from-multicast-224-0-0-0',
    'host-receives-from-multicast-239-255-255-255',
    'host-receives-from-reserved-255-255-255-255',
    'host-receives-from-this-network-0-0-0-0',
    'teredo-server-receives-a-solicitation-from-loopback',
    'teredo-server-receives-a-solicitation-from-the-discovery-group',
    'teredo-server-receives-a-solicitation-from-the-last-group',
    'teredo-server-receives-a-solicitation-from-the-limited-broadcast-address',
    'teredo-relay-receives-from-a-client-at-127-0-0-1',
    'teredo-relay-receives-from-a-client-at-224-0-0-253',
  ],
  bad_checksum: ['teredo-relay-receives-a-wrong-udp-checksum', 'teredo-relay-receives-a-udp-length-beyond-the-end'],
  wrong_host: ['host-receives-a-packet-for-a-group'],
  no_neighbour: [
    'host-receives-a-packet-for-another-host',
    'border-relay-receives-a-packet-for-another-host',
    'isatap-router-receives-a-packet-for-another-host',
    'teredo-relay-receives-a-datagram-for-another-host',
  ],
  collected: [
    'host-receives-a-first-fragment',
    'host-receives-a-later-fragment',
    'border-relay-receives-a-first-fragment-only',
    'teredo-relay-receives-the-first-fragment-of-a-datagram',
  ],
  no_port: ['host-receives-another-protocol', 'teredo-relay-receives-a-datagram-for-another-port'],
  delivered: ['an-echo-request-goes-no-further', 'source-quench-goes-no-further'],
  down: [
    'host-sends-while-it-has-no-ipv4-address',
    'customer-edge-sends-while-it-has-no-ipv4-address',
    'isatap-host-sends-while-it-has-no-ipv4-address',
  ],
};

/** A link of the simulator knows families by the version of a packet: this one would be a native packet on it. */
const NOT_TO_BE_SET_UP = ['host-receives-ipv6-without-an-outer-header'];

/** The node of one vector, alone with strangers. */
class VectorNode {
  readonly #world;
  readonly #host;
  readonly #eth0: Interface;
  readonly #daemon: Daemon;
  readonly #stranger;
  /** What has come out of tunnel devices, or into the IPv6 stack from a tunnel without one. */
  readonly #arrived: Uint8Array[] = [];
  /** Packets on the wire that have been taken. */
  #seen = 0;

  /** `hasChance`: false when whatever the node draws is 0. */
  constructor(toml: string, hasChance: boolean) {
    const addresses = hostAddresses(configOf(toml)).map((addr) => `${formatIpv4(addr)}/24`);
    const machine = node('node', { eth0: ['wire', ...addresses] }, {}, { forwards: true });
    this.#world = worldOf([machine], [{ name: 'wire', mtu: WIRE_MTU }]);
    this.#stranger = this.#world.probe('wire');
    this.#host = this.#world.host('node');
    this.#eth0 = this.#host.interface('eth0');
    this.#host.routes4.add({ to: { addr: new Uint8Array(4), len: 0 }, via: null, interface: this.#eth0, metric: 0, until: Infinity });
    if (!hasChance) vi.spyOn(this.#host.random, 'fill').mockImplementation((into) => void into.fill(0));
    this.#daemon = new Daemon(this.#host, resolve(toml, machine));
  }

  /** Starts the daemon. What it says at once is heard by those who have been met. */
  start(): void {
    this.#daemon.start();
    for (const device of this.#devices()) {
      vi.spyOn(device, 'arrive').mockImplementation((packet) => void this.#arrived.push(packet));
    }
    if (this.#daemon.node?.tunnels.some((tunnel) => tunnel.interface === null)) {
      vi.spyOn(this.#host.stack6, 'output').mockImplementation((packet) => {
        this.#arrived.push(packet);
        return 'delivered';
      });
    }
  }

  /** A stranger has the IPv4 address at `outer[at..)`, if there is a whole one. */
  meet(outer: Uint8Array, at: number): void {
    if (outer.length >= IPV4_LEN) this.#stranger.claim(outer.slice(at, at + SIZE4));
  }

  /** Lets the node live until `now`; what it has sent of its own accord. */
  live(now: number): Sent[] {
    this.#world.run(now);
    return this.#sent();
  }

  /** Shows the node a packet now, and returns what it sends because of it within `patience` milliseconds. */
  show(from: Vector['from'], packet: Uint8Array, patience: number): Sent[] {
    if (from === 'v4') this.#stranger.send(packet, this.#eth0.linkLocal ?? packet);
    else this.#enter(this.#devices()[0], packet);
    this.#world.run(this.#host.now + patience);
    return this.#sent().filter(({ octets }) => octets !== packet);
  }

  /** What has been seen on either side since this was asked last. */
  #sent(): Sent[] {
    const all = this.#world.link('wire').packets();
    const onWire = all.slice(this.#seen);
    this.#seen = all.length;
    return [
      ...onWire.map((octets) => ({ to: 'v4' as const, octets })),
      ...this.#arrived.splice(0).map((octets) => ({ to: 'v6' as const, octets })),
    ];
  }

  /** Everything that the daemon has counted. */
  tally(): Tally {
    const { node: spec, counters } = this.#daemon;
    if (spec === null) throw new Error('the daemon does not run');
    return tallyOf(
      readStatus({
        name: '',
        version: '',
        state: 'running',
        uptime: 0,
        now: this.#host.now,
        node: spec,
        workers: 1,
        rows: [counters.row],
        fastpath: noFastPath(NOT_ASKED_FOR),
      }),
    );
  }

  /** How often each event has happened on the host. */
  events(): Tally {
    return new Map(Object.entries(this.#host.account.counts()));
  }

  /** As a routed packet enters it. */
  #enter(device: Interface, packet: Uint8Array): void {
    const ending = device.send(packet, packet);
    if (ending !== null) this.#host.account.note(ending);
  }

  #devices(): Interface[] {
    return (this.#daemon.node?.tunnels ?? []).flatMap((tunnel) =>
      tunnel.interface === null ? [] : this.#host.interface(tunnel.interface),
    );
  }
}

/** A vector that was played: what became of its packet, what the node had said before, and how often each event has happened on the host because of it. */
function play({ config, chance, state = [], now, from, in: octets, out, answers = [], says = [] }: Vector) {
  const subject = new VectorNode(config, chance === undefined);
  const packet = hex(octets);
  for (const { from: side, in: shown } of [...state, { from, in: octets }]) {
    if (side === 'v4') subject.meet(hex(shown), IPV4_SRC);
    // An ISATAP address ends with the IPv4 address of whoever is asked whether he is there.
    else subject.meet(hex(shown), IPV6_LEN - SIZE4);
  }
  for (const sent of [{ to: other(from), octets: out ?? '' }, ...answers, ...says])
    if (sent.to === 'v4') subject.meet(hex(sent.octets), IPV4_DST);
  subject.start();
  const said: Sent[] = [];
  for (const step of state) {
    said.push(...subject.live(step.now));
    said.push(...subject.show(step.from, hex(step.in), 0));
  }
  said.push(...subject.live(now));
  const [tally, events] = [subject.tally(), subject.events()];
  const sent = subject.show(from, packet, latest(answers));
  const judgement = judgementOf(from, countedSince(tally, subject.tally()));
  return {
    judgement,
    outcome: outcomeOf(from, judgement, sent),
    speech: speechOf(said),
    events: countedSince(events, subject.events()),
  };
}

function other(side: Vector['from']): Vector['from'] {
  return side === 'v4' ? 'v6' : 'v4';
}

const decidedByTheHost = Object.entries(DECIDED_BY_THE_HOST).flatMap(([ending, names]) => names.map((name) => [name, ending] as const));
const others = new Set([...decidedByTheHost.map(([name]) => name), ...NOT_TO_BE_SET_UP]);
const decidedByTheTunnel = vectors.filter(({ name }) => !others.has(name));

describe('the tunnel decides', () => {
  test.each(decidedByTheTunnel.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const { outcome, speech } = play(vector);
    expect(outcome).toEqual(expectedOutcome(vector));
    if (vector.says !== undefined) expect(speech).toEqual(expectedSpeech(vector));
  });
});

describe('the host decides', () => {
  test.each(decidedByTheHost)('%s: %s', (name, ending) => {
    const vector = vectors.find((candidate) => candidate.name === name);
    if (vector === undefined) throw new Error('there is no such vector any more');
    const { judgement, events } = play(vector);
    expect(judgement).toEqual({});
    expect(events.get(ending)).toBe(1);
  });
});

test(`${decidedByTheTunnel.length} of ${vectors.length} vectors are decided by the tunnel`, () => {
  expect(vectors.map(({ name }) => name)).toEqual(expect.arrayContaining([...others]));
  expect(decidedByTheTunnel.length).toBeGreaterThanOrEqual(1253);
});
