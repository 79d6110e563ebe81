/** One network interface of the host, asked directly. */
import { AF, close, ioctl, SOCK, socket } from './libc.js';

const SIOCGIFFLAGS = 0x8913;
const IFF_UP = 1;
/** struct ifreq: a name of at most fifteen octets, zero-terminated, then the flags. */
const IFREQ_LEN = 40;
const FLAGS = 16;

/** True when the interface exists and was taken down, or never up; its carrier does not matter. */
export function isDown(name: string): boolean {
  const request = new Uint8Array(IFREQ_LEN);
  new TextEncoder().encodeInto(name, request.subarray(0, FLAGS - 1));
  const fd = socket(AF.INET, SOCK.DGRAM | SOCK.CLOEXEC, 0);
  if (fd < 0) return false;
  const answered = ioctl(fd, SIOCGIFFLAGS, request) === 0;
  close(fd);
  return answered && (request[FLAGS] & IFF_UP) === 0;
}
