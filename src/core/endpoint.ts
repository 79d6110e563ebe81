/** An IPv4 address and a port: where a tunnel's other end is. */

/**
 * Reused by its owner; never allocated per packet. The address is kept as a signed number, which is a small
 * integer to V8: an unsigned one above 2^31 would be boxed by every store, and by every call that is not inlined.
 */
export class Endpoint {
  /** The 32 bits of the IPv4 address, signed: for the packet path. */
  bits = 0;
  /** UDP port 0..65535; 0 where the carrier has no ports (protocol 41). */
  port = 0;

  /** IPv4 address, an unsigned 32-bit number. */
  get addr(): number {
    return this.bits >>> 0;
  }

  set addr(addr: number) {
    this.bits = addr | 0;
  }

  /** Takes the address from the four octets at `b[off..)`. */
  read(b: Uint8Array, off: number): void {
    this.bits = (b[off] << 24) | (b[off + 1] << 16) | (b[off + 2] << 8) | b[off + 3];
  }
}
