/**
 * The UDP sockets of tunnels: each bound to its address and port as long as any tunnel wants it.
 *
 * NATs and peers know a node by its ports, so that a reload must not bind what it can keep; and a port
 * that one tunnel leaves to another cannot be bound twice, so that it goes over as it is.
 */
import type { NodeSpec, SocketSpec, TunnelSpec } from '../engine/spec.js';
import { socketsOf } from '../engine/technologies.js';
import { close } from '../linux/libc.js';
import { boundPort, openUdp, tuneUdp, type UdpOptions } from '../linux/udp.js';
import { openUdpGroup } from '../linux/udp-group.js';
import type { EndpointText } from '../role/role.js';
import { formatIpv4 } from '../wire/address.js';
import { Exit, Failure, reasonOf } from './failure.js';

/** One socket. */
interface Socket {
  readonly fd: number;
  /** What it was last asked to be. */
  spec: SocketSpec;
  /** What it is bound to. */
  readonly port: number;
  /** Name of the tunnel that has it, or had it last. */
  tunnel: string;
}

/** See the head of the file. */
export class UdpSockets {
  /** All that are open. Packet threads may still use those that no tunnel has any more. */
  #open: Socket[] = [];
  #held: ReadonlyMap<string, readonly Socket[]> = new Map();

  /** Opens what the tunnels of `node` need and is not open yet. Throws a Failure; what was opened before it stays open until `close`. */
  open(node: NodeSpec): void {
    const free = new Set(this.#open);
    const held = new Map<string, readonly Socket[]>();
    for (const tunnel of node.tunnels) {
      const sockets = socketsOf(tunnel).map((spec) => this.#take(free, spec, tunnel));
      if (sockets.length > 0) held.set(tunnel.name, sockets);
    }
    this.#held = held;
  }

  /** Descriptors by the name of the tunnel, in the order of `Technology.sockets`. */
  get descriptors(): ReadonlyMap<string, readonly number[]> {
    return new Map([...this.#held].map(([name, sockets]) => [name, sockets.map(({ fd }) => fd)]));
  }

  /** Those of tunnels to which the gateway is to lead a port: the tunnel, and where its socket is bound. */
  get led(): readonly { readonly tunnel: string; readonly local: EndpointText }[] {
    return [...this.#held].flatMap(([tunnel, sockets]) =>
      sockets.filter(({ spec }) => spec.led).map(({ spec, port }) => ({ tunnel, local: { addr: spec.local, port } })),
    );
  }

  /** All that are open, each with its descriptor: a number that another socket may have later. */
  get all(): readonly (readonly [socket: object, fd: number])[] {
    return this.#open.map((socket) => [socket, socket.fd]);
  }

  /** Closes what no tunnel has, once no packet thread uses it any more. */
  close(): void {
    const held = new Set([...this.#held.values()].flat());
    for (const socket of this.#open) if (!held.has(socket)) close(socket.fd);
    this.#open = [...held];
  }

  /** Closes all of them, once no packet thread runs any more. */
  closeAll(): void {
    this.#held = new Map();
    this.close();
  }

  #take(free: Set<Socket>, spec: SocketSpec, { name, ttl, dscp }: TunnelSpec): Socket {
    const options: UdpOptions = { ttl, tos: dscp === 'copy' ? 0 : dscp << 2 };
    // Where any port will do it is one of its own, lest a service come to another's.
    const fits = (socket: Socket): boolean =>
      spec.port === 0 ? socket.spec.port === 0 && socket.tunnel === name : socket.port === spec.port;
    const like = [...free].filter((socket) => socket.spec.local === spec.local && socket.spec.group === spec.group && fits(socket));
    const kept = like.find(({ tunnel }) => tunnel === name) ?? like.shift();
    if (kept === undefined) {
      const fd = bound(spec, name, options);
      const socket = { fd, spec, port: boundPort(fd), tunnel: name };
      this.#open.push(socket);
      return socket;
    }
    free.delete(kept);
    kept.tunnel = name;
    kept.spec = spec;
    tuneUdp(kept.fd, options);
    return kept;
  }
}

function bound({ local, port, group }: SocketSpec, tunnel: string, options: UdpOptions): number {
  try {
    return group === undefined ? openUdp(local, port, options) : openUdpGroup(group, local, port, options);
  } catch (cause) {
    throw new Failure(Exit.failed, `tunnel ${tunnel}: no UDP socket at ${formatIpv4(local)}:${port}: ${reasonOf(cause)}`, { cause });
  }
}
