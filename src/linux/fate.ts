/** What an error number says about the packet it was met with. Errors of the network are answers here, never exceptions. */
import { Drop } from '../core/drop.js';
import { Errno, SystemError } from './libc.js';

/** No drop reason: the socket or queue has no room at the moment. */
export const FULL = -1;

/** What became of a packet that the kernel did not take: a drop reason, or `FULL`. Throws `SystemError` for what only a mistake of ours causes. */
export function fateOf(error: number, call: string, fd: number): number {
  switch (error) {
    case Errno.EAGAIN:
    case Errno.ENOBUFS:
    case Errno.ENOMEM:
    case Errno.EINTR:
      return FULL;
    case Errno.EMSGSIZE:
      return Drop.too_big;
    case Errno.EINVAL: // the kernel's parsers say it: no version it knows, a header longer than the packet
      return Drop.truncated;
    case Errno.ENETUNREACH:
    case Errno.EHOSTUNREACH:
    case Errno.EADDRNOTAVAIL: // the host has no address of the family
      return Drop.no_route;
    case Errno.EIO: // a TUN device that is not up
    case Errno.EBADFD: // a TUN device that was deleted
    case Errno.ENETDOWN:
    case Errno.ENODEV:
    case Errno.ENXIO:
      return Drop.tunnel_down;
    case Errno.EBADF:
    case Errno.EFAULT:
    case Errno.ENOTSOCK:
      throw new SystemError(call, `descriptor ${fd}`, error);
    default: // EPERM from netfilter, EACCES from a prohibiting route, and whatever else policy may answer
      return Drop.send_refused;
  }
}
