/** The address of a packet socket: struct sockaddr_ll, packet(7). */
import { put16 } from '../wire/octets.js';
import { AF, bind, Errno, getsockname, ifNameToIndex, int32, must, SystemError } from './libc.js';

/** Family, protocol as on the wire, interface, hardware type, packet type, address length, address. */
export const LINK_ADDRESS_LEN = 20;
const PROTOCOL = 2;
const IFINDEX = 4;
const HALEN = 11;
/** Offset of the MAC address. */
export const LINK_ADDRESS_MAC = 12;
/** Octets in a MAC address. */
export const MAC_LEN = 6;

/** Kinds of packets. */
export const EtherType = { ipv4: 0x0800, ipv6: 0x86dd } as const;

/** Index of the interface `name`. Throws `SystemError` ENODEV when there is none. */
export function interfaceIndex(name: string): number {
  const index = ifNameToIndex(name);
  if (index === 0) throw new SystemError('if_nametoindex', name, Errno.ENODEV);
  return index;
}

/** Writes the address of the link `index` at `at`, of `LINK_ADDRESS_LEN` octets; its MAC address is left as it is. */
export function layLinkAddress(b: Uint8Array, at: number, etherType: number, index: number): void {
  const view = new DataView(b.buffer, b.byteOffset + at, LINK_ADDRESS_LEN);
  view.setUint16(0, AF.PACKET, true);
  put16(b, at + PROTOCOL, etherType);
  view.setInt32(IFINDEX, index, true);
  b[at + HALEN] = MAC_LEN;
}

/** Has a packet socket hear packets of one kind on the link `index`. Throws `SystemError`. */
export function bindToLink(fd: number, etherType: number, index: number): void {
  const address = new Uint8Array(LINK_ADDRESS_LEN);
  layLinkAddress(address, 0, etherType, index);
  must(bind(fd, address, LINK_ADDRESS_LEN), 'bind', `packet socket ${fd}, interface ${index}`);
}

/** Index of the interface that a packet socket is bound to; -1 when that has gone. Throws `SystemError`. */
export function boundIndex(fd: number): number {
  const address = new Uint8Array(LINK_ADDRESS_LEN);
  must(getsockname(fd, address, int32(LINK_ADDRESS_LEN)), 'getsockname', `socket ${fd}`);
  return new DataView(address.buffer).getInt32(IFINDEX, true);
}
