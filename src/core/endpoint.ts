/** An IPv4 address and a port: where a tunnel's other end is. */

/** Reused by its owner; never allocated per packet. */
export class Endpoint {
  /** IPv4 address, an unsigned 32-bit number. */
  addr = 0;
  /** UDP port 0..65535; 0 where the carrier has no ports (protocol 41). */
  port = 0;
}
