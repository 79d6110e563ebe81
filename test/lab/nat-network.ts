/** A NAT of the kernel between sockets of this process, each opened in the namespace that it is to be in. */
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatKind } from '../../src/core/nat.js';
import { must } from '../../src/lab/command.js';
import { buildNetwork, inNamespace, removeNamespaces } from '../../src/lab/network.js';
import { type LabPlan, planLab } from '../../src/lab/plan.js';
import type { Topology, TopologyNat } from '../../src/topology/topology.js';
import { inNamed } from '../linux/namespace.js';
import {
  type Arrival,
  type Endpoint,
  INSIDE_HOSTS,
  INSIDE_ROUTER,
  type NatNetwork,
  OUTSIDE_HOSTS,
  OUTSIDE_ROUTER,
  SOCKETS,
  type SocketName,
} from '../nat-behaviour.js';
import { openSocket } from '../stun-server.js';

const words = { en: 'x', ja: 'x' };
/** Sockets of the fence: a datagram there and back that is sent behind another one, which by then has come or never will. */
const FENCE: Readonly<Record<'near' | 'far', Endpoint>> = {
  near: { address: INSIDE_HOSTS.one, port: 45_000 },
  far: { address: OUTSIDE_HOSTS.A, port: 5999 },
};
/** Milliseconds in which what is in front of the fence, on another processor perhaps, comes too. */
const GRACE = 20;
/** Milliseconds in which the fence comes back, however busy this machine is. */
const PATIENCE = 10_000;

/** Which node has a socket. */
const PLACES: Readonly<Record<SocketName, string>> = {
  a: 'one',
  b: 'one',
  d: 'one',
  c: 'other',
  A1: 'web',
  A2: 'web',
  B1: 'web',
  B2: 'web',
};

/** Two hosts, a NAT, and a host outside with two addresses. */
export function natTopology(nat: NatKind & Pick<TopologyNat, 'hairpin' | 'timeout'>): Topology {
  return {
    name: 'nat',
    title: words,
    nodes: [
      ...(['one', 'other'] as const).map((name) => ({
        name,
        title: words,
        interfaces: [{ name: 'eth0', link: 'lan', addresses: [`${INSIDE_HOSTS[name]}/24`] }],
        routes: [{ to: 'default4', via: INSIDE_ROUTER }],
      })),
      {
        name: 'nat',
        title: words,
        forwards: true,
        interfaces: [
          { name: 'eth0', link: 'lan', addresses: [`${INSIDE_ROUTER}/24`] },
          { name: 'eth1', link: 'net', addresses: [`${OUTSIDE_ROUTER}/24`] },
        ],
        nat: { inside: 'eth0', outside: 'eth1', ...nat },
      },
      {
        name: 'web',
        title: words,
        interfaces: [{ name: 'eth0', link: 'net', addresses: Object.values(OUTSIDE_HOSTS).map((address) => `${address}/24`) }],
      },
    ],
    links: [{ name: 'lan' }, { name: 'net' }],
    paths: [],
  };
}

/** Networks of this process so far: with its number they make names that nobody else has. */
let built = 0;

/** The network in namespaces, with a socket for every name. */
export class KernelNat implements NatNetwork {
  readonly #plan: LabPlan;
  readonly #sockets = new Map<SocketName | 'near' | 'far', Socket>();
  #arrived: ((arrival: Arrival, text: string) => void) | null = null;
  #sent = 0;

  private constructor(topology: Topology, id: string) {
    this.#plan = planLab(topology, id);
  }

  /** Builds it. */
  static async up(topology: Topology): Promise<KernelNat> {
    const network = new KernelNat(topology, `n${process.pid.toString(36)}${built++}`);
    try {
      await buildNetwork(network.#plan);
      // The kernel tells a bridge up to a second later that a cable is there. An echo waits for it, and no datagram has to.
      const awake = ['ping', '-q', '-c', '1', '-W', '5', OUTSIDE_HOSTS.A];
      await Promise.all(['one', 'other'].map((node) => must(inNamespace(network.namespaceOf(node), awake))));
      await Promise.all((Object.keys(SOCKETS) as SocketName[]).map((name) => network.#open(name)));
      await network.#openFence();
    } catch (error) {
      await network.down();
      throw error;
    }
    return network;
  }

  /** The namespace of a node. */
  namespaceOf(node: string): string {
    return this.#plan.namespaces.find((each) => each.node === node)?.name ?? '';
  }

  async send(from: SocketName, to: Endpoint): Promise<Arrival | null> {
    const text = `datagram ${this.#sent++}`;
    const arrival = new Promise<Arrival>((resolve) => {
      this.#arrived = (arrived, heard) => {
        if (heard === text) resolve(arrived);
      };
    });
    this.#sockets.get(from)?.send(text, to.port, to.address);
    const fence = this.#passFence();
    const first = await Promise.race([arrival, fence.then(() => sleep(GRACE, null))]);
    await fence; // or it would be taken for the next one
    return first;
  }

  async #openFence(): Promise<void> {
    for (const [end, node] of [
      ['near', 'one'],
      ['far', 'web'],
    ] as const) {
      this.#sockets.set(end, await openSocket(FENCE[end], (bind) => inNamed(this.namespaceOf(node), bind)));
    }
    const far = this.#sockets.get('far');
    far?.on('message', (octets, { address, port }) => far.send(octets, port, address));
  }

  /** Resolves when what was sent before has come or never will. */
  async #passFence(): Promise<void> {
    const near = this.#sockets.get('near');
    if (near === undefined) throw new Error('there is no fence');
    const back = once(near, 'message', { signal: AbortSignal.timeout(PATIENCE) });
    near.send('fence', FENCE.far.port, FENCE.far.address);
    await back;
  }

  async down(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    await removeNamespaces(this.#plan.namespaces.map(({ name }) => name));
  }

  async #open(name: SocketName): Promise<void> {
    const socket = await openSocket(SOCKETS[name], (bind) => inNamed(this.namespaceOf(PLACES[name]), bind));
    this.#sockets.set(name, socket);
    socket.on('message', (octets, { address, port }) => this.#arrived?.({ at: name, from: { address, port } }, octets.toString()));
  }
}
