/** Whether this kernel takes payloads of UDP in trains, and gives them back as they were: found out by sending some to ourselves. */
import { HEADROOM } from '../core/frame.js';
import { same } from '../wire/octets.js';
import { Arena, arenaStride } from './arena.js';
import { close, SystemError } from './libc.js';
import { openUdp, UdpSocketPort } from './udp.js';

const LOOPBACK = 0x7f000001;
/** Three of one size, and a shorter one; of an odd size, which is the harder one for checksums. */
const SIZES = [1001, 1001, 1001, 7] as const;
const ROOM = HEADROOM + 65_535;

/** Why payloads have to leave and come one by one; null: they need not. Throws nothing. */
export function withoutUdpTrains(): string | null {
  const fds: number[] = [];
  const arena = new Arena((1 << 20) + 2 * SIZES.length * arenaStride(ROOM));
  const open = (): UdpSocketPort => {
    const fd = openUdp(LOOPBACK, 0, { ttl: 1 });
    fds.push(fd);
    return new UdpSocketPort(arena, fd, SIZES.length, ROOM, { trains: true });
  };
  try {
    return faultOf(open(), open());
  } catch (thrown) {
    if (thrown instanceof SystemError) return thrown.message;
    throw thrown;
  } finally {
    fds.forEach(close);
    arena.unmap();
  }
}

/** What goes wrong with a train from one to the other. What is sent over the loopback has come when the call returns. */
function faultOf(from: UdpSocketPort, to: UdpSocketPort): string | null {
  SIZES.forEach((octets, i) => {
    const frame = from.batch[i];
    frame.clear();
    frame.end = frame.off + octets;
    for (let at = frame.off; at < frame.end; at++) frame.b[at] = at * 31 + i;
    frame.remote.addr = LOOPBACK;
    frame.remote.port = to.localPort;
  });
  from.send(from.batch, SIZES.length);
  if (from.longestOfTrains === 0) return 'the kernel refuses trains of them';
  const n = to.receive();
  if (n < SIZES.length) return `${n} of ${SIZES.length} come back over the loopback interface`;
  const isSame = to.batch.every(({ b, off, len }, i) => len === SIZES[i] && same(b, off, b, from.batch[i].off, len));
  return isSame ? null : 'they come back over the loopback interface as something else';
}
