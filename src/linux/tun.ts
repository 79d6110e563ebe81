/**
 * TUN devices: whole IPv6 packets between the kernel's stack and this process.
 *
 * A device has one queue a packet thread (IFF_MULTI_QUEUE). It lives as long as a queue is open: it
 * leaves with the process, however that ends, and its addresses and routes with it.
 */
import { Drop } from '../core/drop.js';
import { type Batch, type Frame, HEADROOM } from '../core/frame.js';
import type { Port } from '../engine/port.js';
import type { Arena } from './arena.js';
import { FULL, fateOf } from './fate.js';
import { close, Errno, errno, ioctl, ioctlValue, must, O, open, read, SystemError, write } from './libc.js';
import { WriteRing } from './ring.js';

const DEVICE = '/dev/net/tun';
const TUNSETIFF = 0x400454ca;
const TUNSETOWNER = 0x400454cc;
const IFF = { TUN: 0x0001, MULTI_QUEUE: 0x0100, NO_PI: 0x1000, TUN_EXCL: 0x8000 } as const;
/** struct ifreq: a name of at most fifteen octets, zero-terminated, then the flags. */
const IFREQ_LEN = 40;
const FLAGS = 16;
const MAX_NAME_LEN = 15;

/**
 * Makes the TUN device `name`, this user's own, and opens `queues` queues of it: descriptors for `TunPort`. Throws
 * `SystemError`: EBUSY when there is an interface of this name (see `tunHolder`), EPERM without CAP_NET_ADMIN.
 */
export function openTun(name: string, { queues }: { queues: number }): number[] {
  const fds = [openQueue(name, IFF.TUN_EXCL)];
  try {
    // Without an owner, whoever may open /dev/net/tun, everybody on most hosts, may add a queue and share in all packets.
    must(ioctlValue(fds[0], TUNSETOWNER, process.geteuid?.() ?? 0), 'ioctl', `TUNSETOWNER ${name}`);
    while (fds.length < queues) fds.push(addTunQueue(name));
  } catch (error) {
    fds.forEach(close);
    throw error;
  }
  return fds;
}

/** Opens one more queue of a device that this process has made. Throws `SystemError`. */
export function addTunQueue(name: string): number {
  return openQueue(name, 0);
}

function openQueue(name: string, flags: number): number {
  const request = new Uint8Array(IFREQ_LEN);
  const octets = new TextEncoder().encode(name);
  if (octets.length > MAX_NAME_LEN)
    throw new SystemError('ioctl', `TUNSETIFF ${name}`, Errno.ENAMETOOLONG, `at most ${MAX_NAME_LEN} octets`);
  request.set(octets);
  new DataView(request.buffer).setUint16(FLAGS, IFF.TUN | IFF.NO_PI | IFF.MULTI_QUEUE | flags, true);
  const fd = must(open(DEVICE, O.RDWR | O.NONBLOCK | O.CLOEXEC), 'open', DEVICE, 'the kernel module tun is needed: modprobe tun');
  try {
    must(ioctl(fd, TUNSETIFF, request), 'ioctl', `TUNSETIFF ${name}`);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** One queue of a TUN device. */
export class TunPort implements Port {
  readonly kind = 'ipv6';
  readonly batch: Batch;
  /** True once the device was deleted: the queue is dead, and a poll for it would never sleep. */
  gone = false;
  readonly #fd: number;
  readonly #base: number;
  readonly #writer: Pick<Port, 'send'>;

  /** `fd` is one of `openTun`; `count` frames of `room` octets, headroom included. */
  constructor(arena: Arena, fd: number, count: number, room: number) {
    this.batch = arena.makeBatch(count, room);
    this.#fd = fd;
    this.#base = arena.base;
    this.#writer = writerFor(arena, fd, count);
  }

  receive(): number {
    const batch = this.batch;
    for (let i = 0; i < batch.length; i++) {
      const frame = batch[i];
      const at = frame.slot + HEADROOM;
      const octets = read(this.#fd, this.#base + at, frame.limit - at);
      if (octets < 0) {
        const error = errno();
        if (error === Errno.EBADFD) this.gone = true;
        fateOf(error, 'read', this.#fd);
        return i;
      }
      frame.off = at;
      frame.end = at + octets;
    }
    return batch.length;
  }

  send(frames: readonly Frame[], n: number): number {
    return this.#writer.send(frames, n);
  }
}

/** The faster writer where the kernel has it: containers often forbid io_uring, and kernels before 6.1 lack what it takes. */
function writerFor(arena: Arena, fd: number, count: number): Pick<Port, 'send'> {
  try {
    return new WriteRing(arena, fd, count);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return new WriteLoop(arena, fd);
  }
}

/** Writes frames to a queue, one a call: where there is no `WriteRing`. */
export class WriteLoop {
  readonly #fd: number;
  readonly #base: number;

  constructor(arena: Arena, fd: number) {
    this.#fd = fd;
    this.#base = arena.base;
  }

  send(frames: readonly Frame[], n: number): number {
    for (let i = 0; i < n; i++) {
      const frame = frames[i];
      const written = write(this.#fd, this.#base + frame.off, frame.end - frame.off);
      const fate = written < 0 ? fateOf(errno(), 'write', this.#fd) : Drop.none;
      if (fate === FULL) return i;
      frame.fate = fate;
    }
    return n;
  }
}
