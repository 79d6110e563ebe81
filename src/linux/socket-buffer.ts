/** How many octets may wait in a socket. */
import { int32, must, SO, SOL, setsockopt } from './libc.js';

/** To be received: some 10 ms of small packets at a million a second. */
const RECEIVE_BUFFER = 8 << 20;
/**
 * To be sent: as many as there can be. What waits here waits for neighbours that do not answer, up to 208 KiB each; a
 * lower bound of ours would let packets for a hundred such keep everybody else's.
 */
const SEND_BUFFER = 0x3fffffff;

/** Asks for buffers beyond the limits of the host where we may, else up to them. Throws `SystemError`. */
export function enlargeBuffers(fd: number): void {
  for (const [forced, plain, octets] of [
    [SO.RCVBUFFORCE, SO.RCVBUF, RECEIVE_BUFFER],
    [SO.SNDBUFFORCE, SO.SNDBUF, SEND_BUFFER],
  ]) {
    if (setsockopt(fd, SOL.SOCKET, forced, int32(octets), 4) === 0) continue;
    must(setsockopt(fd, SOL.SOCKET, plain, int32(octets), 4), 'setsockopt', `socket ${fd}, buffer of ${octets} octets`);
  }
}
