/**
 * The plainest tunnel that JavaScript can be: TUN to protocol 41 and back over the same ports as the
 * daemon's, with a header pushed or pulled and not one check. What the worker is to be measured against:
 * the difference is what checks, roles and counters cost.
 *
 * Run as a process of its own in the node's namespace; says `ready`, ends with SIGTERM.
 */
import { execFileSync } from 'node:child_process';
import type { Frame } from '../src/core/frame.js';
import { HEADROOM } from '../src/core/frame.js';
import { Arena, arenaStride } from '../src/linux/arena.js';
import { Poller } from '../src/linux/poll.js';
import { openProtocol41, Protocol41Port } from '../src/linux/protocol41.js';
import { openTun, TunPort } from '../src/linux/tun.js';
import { parseIpv4 } from '../src/wire/address.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../src/wire/ipv4.js';
import { IPV6_DST } from '../src/wire/ipv6.js';
import { i32 } from '../src/wire/octets.js';

const DEVICE = 'tun6to4';
const BATCH = 64;
const ROOM = HEADROOM + 2048;
/** Where the embedded IPv4 address of a 6to4 destination stands, RFC 3056 section 2. */
const CARRIED = IPV6_DST + 2;
const LOCAL = (parseIpv4('192.88.99.1') ?? 0) | 0;

const arena = new Arena((1 << 20) + 3 * BATCH * arenaStride(ROOM));
const [tunFd] = openTun(DEVICE, { queues: 1 });
const socket = openProtocol41({ worker: 0, workers: 1, key: 1 });
const tun = new TunPort(arena, tunFd, BATCH, ROOM, { trains: false });
const carrier = new Protocol41Port(arena, socket, BATCH, ROOM);
const poller = new Poller(arena, [tunFd, socket]);
const lines = [
  `link set ${DEVICE} mtu 1480 txqueuelen 2048 up`,
  `address add 192.88.99.1/32 dev ${DEVICE}`,
  `route add 2002::/16 dev ${DEVICE}`,
];
execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') });
process.stderr.write('"msg":"ready"\n');

function encapsulate(frames: readonly Frame[], n: number): void {
  for (let i = 0; i < n; i++) {
    const frame = frames[i];
    frame.remote.read(frame.b, frame.off + CARRIED);
    const at = frame.push(IPV4_LEN);
    writeIpv4(frame.b, at, frame.end - at, 0, 0, 64, Protocol.ipv6, LOCAL, i32(frame.b, at + IPV4_LEN + CARRIED));
  }
  if (n > 0) carrier.send(frames, n);
}

function decapsulate(frames: readonly Frame[], n: number): void {
  for (let i = 0; i < n; i++) frames[i].pull(IPV4_LEN);
  if (n > 0) tun.send(frames, n);
}

for (;;) {
  const out = tun.receive();
  encapsulate(tun.batch, out);
  const back = carrier.receive();
  decapsulate(carrier.batch, back);
  if (out + back === 0) poller.wait(1000);
}
