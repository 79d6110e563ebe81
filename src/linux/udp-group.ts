/** Sockets of UDP that hear a multicast group on one interface, for `UdpSocketPort`: RFC 4380 section 5.2.8. */
import { formatIpv4 } from '../wire/address.js';
import { put32 } from '../wire/octets.js';
import { inetAddress, SOCKADDR_IN_LEN } from './inet-address.js';
import { AF, bind, close, IP, int32, must, SO, SOCK, SOL, setsockopt, socket } from './libc.js';
import { enlargeBuffers } from './socket-buffer.js';
import { tuneUdp, type UdpOptions } from './udp.js';

/** Octets of struct ip_mreq, ip(7): the group, and an address of the interface. */
const MREQ_LEN = 8;

/**
 * Opens a socket that hears what is sent to the multicast `group` and UDP port `port` on the interface that has the IPv4
 * address `local`, and nothing that is sent to one host. Other programs may hear the group, too. Throws `SystemError`:
 * ENODEV when no interface has the address, EADDRINUSE when somebody has the port and does not share it.
 */
export function openUdpGroup(group: number, local: number, port: number, options: UdpOptions): number {
  const fd = must(socket(AF.INET, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'socket', 'AF_INET, SOCK_DGRAM');
  const what = `group ${formatIpv4(group)} at ${formatIpv4(local)}`;
  const membership = new Uint8Array(MREQ_LEN);
  put32(membership, 0, group);
  put32(membership, 4, local);
  try {
    tuneUdp(fd, options);
    enlargeBuffers(fd);
    must(setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, int32(1), 4), 'setsockopt', `socket ${fd}, SO_REUSEADDR`);
    // Not what others on this host have joined on other interfaces.
    must(setsockopt(fd, SOL.IP, IP.MULTICAST_ALL, int32(0), 4), 'setsockopt', `socket ${fd}, IP_MULTICAST_ALL`);
    must(setsockopt(fd, SOL.IP, IP.ADD_MEMBERSHIP, membership, MREQ_LEN), 'setsockopt', `IP_ADD_MEMBERSHIP, ${what}`);
    must(bind(fd, inetAddress(group, port), SOCKADDR_IN_LEN), 'bind', `${what}, UDP port ${port}`);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
