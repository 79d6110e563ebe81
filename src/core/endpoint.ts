/** An IPv4 address and a port: where a tunnel's other end is. */

/**
 * Reused by its owner; never allocated per packet. The numbers lie in a typed array: an unsigned
 * 32-bit number in an ordinary field would be boxed anew by every store.
 */
export class Endpoint {
  readonly #numbers = new Uint32Array(2);

  /** IPv4 address, an unsigned 32-bit number. */
  get addr(): number {
    return this.#numbers[0];
  }

  set addr(addr: number) {
    this.#numbers[0] = addr;
  }

  /** Takes the address from the four octets at `b[off..)`. */
  read(b: Uint8Array, off: number): void {
    this.#numbers[0] = (b[off] << 24) | (b[off + 1] << 16) | (b[off + 2] << 8) | b[off + 3];
  }

  /** UDP port 0..65535; 0 where the carrier has no ports (protocol 41). */
  get port(): number {
    return this.#numbers[1];
  }

  set port(port: number) {
    this.#numbers[1] = port;
  }
}
