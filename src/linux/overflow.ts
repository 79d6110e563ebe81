/**
 * Packets that a socket had no room for: the kernel drops them before anybody here sees them. With them it counts
 * datagrams that wait in a socket of UDP before their checksum, which is wrong, is looked at: those above some 70 octets.
 */
import { getsockopt, int32, must, SO, SOL } from './libc.js';

/** 32-bit words of SO_MEMINFO, linux/sock_diag.h, and which of them counts drops. */
const WORDS = 9;
const DROPS = 8;

/** Packets that the receive queue of `fd` had no room for since it was opened, modulo 2^32. Throws `SystemError`. */
export function overflowOf(fd: number): number {
  const info = new Uint32Array(WORDS);
  const octets = new Uint8Array(info.buffer);
  must(getsockopt(fd, SOL.SOCKET, SO.MEMINFO, octets, int32(octets.length)), 'getsockopt', `socket ${fd}, SO_MEMINFO`);
  return info[DROPS];
}
