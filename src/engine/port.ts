/**
 * Where packets enter and leave: the one I/O interface of the engine.
 *
 * `linux/` implements it with TUN queues and sockets, `sim/` with queues in memory; one compliance
 * suite holds both to this contract. A port carries one kind of packet:
 *
 *   ipv6         whole IPv6 packets: a TUN queue, or, to send only, the IPv6 stack itself (`remote` is unused)
 *   protocol-41  whole IPv4 packets of protocol 41, reassembled. Received: `remote.addr` is the
 *                outer source. Sent: the outer header is complete, `remote.addr` is where it goes;
 *                the port fragments what is larger than the link unless DF is set, and chooses the
 *                identification and the header checksum
 *   udp          payloads of UDP; `remote` is where it came from, or goes. What comes with a wrong checksum
 *                does not come. Sent with DF clear. A frame received has no headroom: nothing is pushed there
 *   icmp4        whole IPv4 packets of protocol 1, received only: errors (types 3, 11, 12)
 *   lan          whole IPv6 packets on a LAN link. Received: router solicitations only.
 *                Sent: multicast only
 *   dhcp4        whole IPv4 packets on a link. Received: UDP to port 68 only. Sent: `remote.addr` is
 *                where it goes, to everybody or to one server
 */
import type { Batch, Frame } from '../core/frame.js';

/** What a port carries. */
export type PortKind = 'ipv6' | 'protocol-41' | 'udp' | 'icmp4' | 'lan' | 'dhcp4';

/** One socket or TUN queue. Never blocks, never throws on what the network does. */
export interface Port {
  readonly kind: PortKind;
  /** The port's own frames, as many as one `receive` fills at most; constant for the port's life. */
  readonly batch: Batch;
  /** Fills `batch[0..n)` with what waits, and returns n; 0 when nothing waits. Frames are valid until the next call. */
  receive(): number;
  /**
   * Sends `frames[0..n)` in order. Returns how many were handled: taken (`fate` is `Drop.none`) or
   * refused (`fate` says why: `too_big`, `no_route`, `send_refused`, `tunnel_down`, `truncated`, or
   * `queue_full` where there was no room for this one alone).
   * Fewer than n means that the socket or queue is full; the caller keeps or drops the rest.
   */
  send(frames: readonly Frame[], n: number): number;
}

/** A socket of UDP. */
export interface UdpPort extends Port {
  readonly kind: 'udp';
  /** The port that it is bound to, 1..65535. */
  readonly localPort: number;
}
