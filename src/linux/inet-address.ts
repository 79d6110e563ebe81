/** The address of an IPv4 socket: struct sockaddr_in, ip(7). The family in the machine's order, then port and address as on the wire. */
import { put16, put32 } from '../wire/octets.js';
import { AF } from './libc.js';

/** Octets in an address, and the offsets of its port and IPv4 address. */
export const SOCKADDR_IN_LEN = 16;
export const SIN = { PORT: 2, ADDR: 4 } as const;

/** An address to bind to; `addr` 0: any of the host's, `port` 0: any that is free. */
export function inetAddress(addr: number, port: number): Uint8Array {
  const address = new Uint8Array(SOCKADDR_IN_LEN);
  new DataView(address.buffer).setUint16(0, AF.INET, true);
  put16(address, SIN.PORT, port);
  put32(address, SIN.ADDR, addr);
  return address;
}
