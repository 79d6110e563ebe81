/**
 * TUN devices: whole IPv6 packets between the kernel's stack and this process.
 *
 * A device has one queue a packet thread (IFF_MULTI_QUEUE). It lives as long as a queue is open: it
 * leaves with the process, however that ends, and its addresses and routes with it.
 */
import { type Batch, type Frame, HEADROOM } from '../core/frame.js';
import type { Port } from '../engine/port.js';
import { completeChecksum } from '../wire/checksum.js';
import { HEADERS_ROOM, SegmentCutter } from '../wire/segments.js';
import type { Arena } from './arena.js';
import { fateOf } from './fate.js';
import { close, Errno, errno, ioctl, ioctlValue, must, O, open, read, SystemError } from './libc.js';
import { WriteRing } from './ring.js';
import { TrainWriter } from './train-writer.js';
import { checksumAt, checksumFrom, isPlain, isTcp6Train, segmentSize, VNET_LEN } from './virtio-net.js';
import { WriteLoop, type Writer } from './writes.js';

const DEVICE = '/dev/net/tun';
const TUNSETIFF = 0x400454ca;
const TUNSETOWNER = 0x400454cc;
const TUNSETOFFLOAD = 0x400454d0;
/** Checksums may be incomplete, and TCP over IPv6 may come in trains, the first segment of which may say CWR. */
const OFFLOADS = 0x01 | 0x04 | 0x08;
const IFF = { TUN: 0x0001, MULTI_QUEUE: 0x0100, NO_PI: 0x1000, VNET_HDR: 0x4000, TUN_EXCL: 0x8000 } as const;
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
  new DataView(request.buffer).setUint16(FLAGS, IFF.TUN | IFF.NO_PI | IFF.VNET_HDR | IFF.MULTI_QUEUE | flags, true);
  const fd = must(open(DEVICE, O.RDWR | O.NONBLOCK | O.CLOEXEC), 'open', DEVICE, 'the kernel module tun is needed: modprobe tun');
  try {
    must(ioctl(fd, TUNSETIFF, request), 'ioctl', `TUNSETIFF ${name}`);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Has the kernel give, through a queue of `openTun`, segments of TCP in trains, and checksums incomplete; or, without
 * `trains`, every packet as it would be on a link. False when it does not know how: then it is the latter.
 */
export function setTunTrains(fd: number, { trains }: { readonly trains: boolean }): boolean {
  return ioctlValue(fd, TUNSETOFFLOAD, trains ? OFFLOADS : 0) === 0 && trains;
}

/** One queue of a TUN device. */
export class TunPort implements Port {
  readonly kind = 'ipv6';
  readonly batch: Batch;
  /** True once the device was deleted: the queue is dead, and a poll for it would never sleep. */
  gone = false;
  readonly #fd: number;
  readonly #b: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  readonly #cutter: SegmentCutter;
  readonly #writer: TrainWriter;

  /**
   * `fd` is one of `openTun`; `count` frames of `room` octets, headroom included. With `trains` they have room for 65535
   * octets beside it, and segments of TCP leave in trains; that they come so is another matter, see `setTunTrains`.
   */
  constructor(arena: Arena, fd: number, count: number, room: number, { trains }: { readonly trains: boolean }) {
    this.batch = arena.makeBatch(count, room);
    this.#fd = fd;
    this.#b = arena.b;
    this.#view = arena.view;
    this.#base = arena.base;
    this.#cutter = new SegmentCutter(arena, arena.alloc(HEADERS_ROOM));
    this.#writer = new TrainWriter(arena, writerFor(arena, fd, count), count, { trains });
  }

  receive(): number {
    const batch = this.batch;
    let i = this.#cut(0);
    while (i < batch.length) {
      const frame = batch[i];
      const at = frame.slot + HEADROOM;
      const octets = read(this.#fd, this.#base + at - VNET_LEN, frame.limit - at + VNET_LEN);
      if (octets < 0) {
        const error = errno();
        if (error === Errno.EBADFD) this.gone = true;
        fateOf(error, 'read', this.#fd);
        return i;
      }
      frame.off = at;
      frame.end = at + octets - VNET_LEN;
      i = isPlain(this.#b, at - VNET_LEN) ? i + 1 : this.#complete(i);
    }
    return i;
  }

  send(frames: readonly Frame[], n: number): number {
    return this.#writer.send(frames, n);
  }

  /** Makes the packet in frame `i` what it would be on a link: several, when it is a train. Returns the number of the next frame. */
  #complete(i: number): number {
    const b = this.#b;
    const { off, end } = this.batch[i];
    const said = off - VNET_LEN;
    const from = checksumFrom(b, said);
    if (isTcp6Train(b, said) && this.#cutter.begin(off, end, from, segmentSize(b, said))) return this.#cut(i);
    completeChecksum(b, this.#view, off + from, off + from + checksumAt(b, said), end);
    return i + 1;
  }

  /** Cuts segments from the present train into frames from number `i` on: those for which there is none are for the next time. Returns the number of the next frame. */
  #cut(i: number): number {
    const batch = this.batch;
    const cutter = this.#cutter;
    let next = i;
    while (cutter.left > 0 && next < batch.length) {
      const frame = batch[next++];
      frame.off = frame.slot + HEADROOM;
      frame.end = cutter.cut(frame.off);
    }
    return next;
  }
}

/** The faster writer where the kernel has it: containers often forbid io_uring, and kernels before 6.1 lack what it takes. */
function writerFor(arena: Arena, fd: number, count: number): Writer {
  try {
    return new WriteRing(arena, fd, count);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return new WriteLoop(arena, fd);
  }
}
