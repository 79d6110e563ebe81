/**
 * A path that takes its time, for kernels without netem: every packet that is led into a TUN device comes out of it
 * again `MILLISECONDS` later, in order and none lost, and is forwarded by the kernel as if nothing had been.
 *
 * Run as a process of its own in the namespace of a router: `delay.ts MILLISECONDS SELECTOR...`. What a selector of
 * ip-rule(8) is true of, such as `iif eth0`, is delayed. Says `ready`, ends with SIGTERM.
 */
import { execFileSync } from 'node:child_process';
import { HEADROOM } from '../src/core/frame.js';
import { Arena, arenaStride } from '../src/linux/arena.js';
import { Poller } from '../src/linux/poll.js';
import { openTun, TunPort } from '../src/linux/tun.js';

const DEVICE = 'delay0';
const BATCH = 64;
const ROOM = HEADROOM + 2048;
const TABLE = 404;

/** A packet on its way. */
interface Travelling {
  readonly octets: Uint8Array;
  /** When it arrives, milliseconds of `performance.now`. */
  readonly due: number;
}

const [delay, ...selectors] = process.argv.slice(2);
const arena = new Arena((1 << 20) + 3 * BATCH * arenaStride(ROOM));
const [fd] = openTun(DEVICE, { queues: 1 });
const tun = new TunPort(arena, fd, BATCH, ROOM, { trains: false });
const out = arena.makeBatch(1, ROOM);
const poller = new Poller(arena, [fd]);
const lines = [
  `link set ${DEVICE} up`,
  `route add default dev ${DEVICE} table ${TABLE}`,
  ...selectors.map((selector) => `rule add ${selector} lookup ${TABLE}`),
];
execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') });
process.stderr.write('ready\n');

/** The first to arrive first: they all travel for as long. */
const travelling: Travelling[] = [];
for (;;) {
  const n = tun.receive();
  const due = performance.now() + Number(delay);
  for (const { b, off, end } of tun.batch.slice(0, n)) travelling.push({ octets: b.slice(off, end), due });
  for (let [next] = travelling; next !== undefined && next.due <= performance.now(); [next] = travelling) {
    out[0].fill(next.octets, 0, next.octets.length);
    tun.send(out, 1);
    travelling.shift();
  }
  if (n === 0) poller.wait(travelling.length === 0 ? Number.POSITIVE_INFINITY : travelling[0].due - performance.now());
}
