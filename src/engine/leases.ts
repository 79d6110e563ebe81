/**
 * The DHCPv4 clients of a node, one an interface. They outlive what is built on their leases: a lease
 * that is renewed is the same client's, whatever became of the tunnel.
 */
import type { Millis } from '../core/clock.js';
import { type Counters, Direction } from '../core/counters.js';
import type { Frame } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { Verdict } from '../core/verdict.js';
import { DhcpClient, type Lease } from '../role/dhcp-client.js';
import type { News } from './news.js';
import type { Port } from './port.js';
import { type DhcpSpec, sameSpec } from './spec.js';

/** Messages of one client in one step, at most. */
const MAX_TRANSMIT = 8;

interface Client {
  readonly spec: DhcpSpec;
  readonly port: Port | null;
  readonly machine: DhcpClient;
  /** The lease that was last told. */
  told: Lease | null;
}

/** See the head of the file. */
export class Leases {
  readonly #counters: Counters;
  readonly #random: Random;
  readonly #news: (news: News) => void;
  #clients: Client[] = [];

  /** `news` hears of every lease that is gained, changed or lost. */
  constructor(counters: Counters, random: Random, news: (news: News) => void) {
    this.#counters = counters;
    this.#random = random;
    this.#news = news;
  }

  /** Takes the interfaces that there are from now on; the old ports must still be open. Leases of others are given back. `out`: a frame to send from. */
  configure(specs: readonly DhcpSpec[], ports: ReadonlyMap<string, Port>, out: Frame, now: Millis): void {
    const before = new Map(this.#clients.map((client) => [client.spec.interface, client]));
    const clients: Client[] = [];
    for (const spec of specs) {
      const old = before.get(spec.interface);
      const port = ports.get(spec.interface) ?? null;
      if (old !== undefined && sameClient(old.spec, spec)) {
        before.delete(spec.interface);
        clients.push({ ...old, spec, port });
      } else clients.push({ spec, port, machine: new DhcpClient(spec, this.#random, now), told: null });
    }
    for (const gone of before.values()) this.#release(gone, out, now);
    this.#clients = clients;
  }

  /** Handles what waits and what is due. Returns the packets handled. */
  step(out: Frame, now: Millis): number {
    let handled = 0;
    for (let i = 0; i < this.#clients.length; i++) handled += this.#attend(this.#clients[i], out, now);
    return handled;
  }

  /** When `step` has to be called though no port has anything. */
  nextTimeout(): Millis {
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#clients.length; i++) next = Math.min(next, this.#clients[i].machine.nextTimeout());
    return next;
  }

  /** The node stops: leases are given back. */
  withdraw(out: Frame, now: Millis): void {
    for (const client of this.#clients) this.#release(client, out, now);
  }

  #attend(client: Client, out: Frame, now: Millis): number {
    const { machine, port, spec } = client;
    const n = port?.receive() ?? 0;
    for (let i = 0; i < n; i++) {
      const verdict = port === null ? Verdict.consumed : machine.handlePacket(port.batch[i], now);
      if (verdict < Verdict.forward) this.#counters.dropped(spec.slot, Direction.decapsulate, verdict);
    }
    if (machine.nextTimeout() <= now) machine.handleTimeout(now);
    const sent = transmit(client, out, now);
    const { lease } = machine;
    if (lease !== client.told) {
      client.told = lease;
      this.#news({ kind: 'lease', interface: spec.interface, lease });
    }
    return n + sent;
  }

  #release(client: Client, out: Frame, now: Millis): void {
    client.machine.release(now);
    transmit(client, out, now);
    if (client.told !== null) this.#news({ kind: 'lease', interface: client.spec.interface, lease: null });
  }
}

/** What a client is made from; the rest of its specification may change under it. */
function sameClient(a: DhcpSpec, b: DhcpSpec): boolean {
  return sameSpec([a.mac, a.inform, a.hostName], [b.mac, b.inform, b.hostName]);
}

function transmit({ machine, port }: Client, out: Frame, now: Millis): number {
  for (let sent = 0; sent < MAX_TRANSMIT; sent++) {
    if (!machine.pollTransmit(out, now)) return sent;
    port?.send([out], 1);
  }
  return MAX_TRANSMIT;
}
