/** Word to the service manager, sd_notify(3): assignments, one a line, as one datagram to `$NOTIFY_SOCKET`. */
import { AF, close, must, SOCK, sendto, socket } from './libc.js';

/** struct sockaddr_un: the family, then a path of at most 108 octets. */
const PATH = 2;
const MAX_PATH_LEN = 108;

/** What is told: READY=1, RELOADING=1, STOPPING=1, STATUS=free text. */
export type Assignment = 'READY=1' | 'RELOADING=1' | 'STOPPING=1' | `STATUS=${string}`;

/** Tells it; does nothing where no service manager listens (`to` undefined or empty). Throws `SystemError`. */
export function notify(assignments: readonly Assignment[], to = process.env.NOTIFY_SOCKET): void {
  if (to === undefined || to === '') return;
  const message = new TextEncoder().encode(assignments.map((text) => `${text.replaceAll('\n', ' ')}\n`).join(''));
  const address = socketAddress(to);
  const fd = must(socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'socket', 'AF_UNIX, SOCK_DGRAM');
  try {
    must(sendto(fd, message, message.length, 0, address, address.length), 'sendto', `NOTIFY_SOCKET ${to}`);
  } finally {
    close(fd);
  }
}

/** The address of a path; one that begins with `@` is abstract: a name without a file, marked by a zero octet. */
function socketAddress(to: string): Uint8Array {
  const path = new TextEncoder().encode(to.startsWith('@') ? `\0${to.slice(1)}` : to).subarray(0, MAX_PATH_LEN);
  const address = new Uint8Array(PATH + path.length);
  new DataView(address.buffer).setUint16(0, AF.UNIX, true);
  address.set(path, PATH);
  return address;
}
