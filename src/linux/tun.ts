/**
 * TUN devices: whole IPv6 packets between the kernel's stack and this process.
 *
 * A device has one queue a packet thread (IFF_MULTI_QUEUE). It lives as long as a queue is open: it
 * leaves with the process, however that ends, and its addresses and routes with it, unless it is to stay.
 */
import { type Batch, type Frame, HEADROOM } from '../core/frame.js';
import type { Port } from '../engine/port.js';
import { completeChecksum } from '../wire/checksum.js';
import { HEADERS_ROOM, SegmentCutter } from '../wire/segments.js';
import type { Arena } from './arena.js';
import { close, Errno, ioctl, ioctlValue, must, O, open, SystemError } from './libc.js';
import { ReadBuffers, type Reader, readerFor } from './reads.js';
import { TrainWriter } from './train-writer.js';
import { checksumAt, checksumFrom, isPlain, isTcp6Train, segmentSize, VNET_LEN } from './virtio-net.js';
import { writerFor } from './writes.js';

const DEVICE = '/dev/net/tun';
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
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
 * Makes the TUN device `name`, this user's own, and opens `queues` queues of it: descriptors for `TunPort`. With `kept` it
 * may be one that has stayed (see `keepTun`). Throws `SystemError`: EBUSY when there is an interface of this name (see
 * `tunHolder`), EPERM without CAP_NET_ADMIN.
 */
export function openTun(name: string, { queues, kept = false }: { readonly queues: number; readonly kept?: boolean }): number[] {
  const fds = [openQueue(name, kept ? 0 : IFF.TUN_EXCL)];
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

/** Has the device of `fd` stay when its last queue is closed, with its addresses and routes, or leave then. Throws `SystemError`: EBADFD when it was deleted. */
export function keepTun(fd: number, stays: boolean): void {
  must(ioctlValue(fd, TUNSETPERSIST, Number(stays)), 'ioctl', 'TUNSETPERSIST');
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
 * Has the device of `fd`, a queue of `openTun`, give segments of TCP in trains, and checksums incomplete. Until then it
 * gives packets as they would be on a link. Throws `SystemError`.
 */
export function takeTunTrains(fd: number): void {
  must(ioctlValue(fd, TUNSETOFFLOAD, OFFLOADS), 'ioctl', 'TUNSETOFFLOAD');
}

/** One queue of a TUN device. */
export class TunPort implements Port {
  readonly kind = 'ipv6';
  readonly batch: Batch;
  readonly #b: Uint8Array;
  readonly #view: DataView;
  readonly #reads: ReadBuffers;
  readonly #reader: Reader;
  readonly #writer: TrainWriter;
  readonly #cutter: SegmentCutter;
  /** Where the segments go that are cut for each frame. */
  readonly #slots: Int32Array;
  readonly #room: number;
  /** Number of the packet read whose turn it is. */
  #turn = 0;

  /**
   * `fd` is one of `openTun`; `count` frames of `room` octets, headroom included. With `trains` they have room for 65535
   * octets beside it, and segments of TCP leave in trains; that they come so is another matter, see `takeTunTrains`.
   * Takes twice as much of the arena.
   */
  constructor(arena: Arena, fd: number, count: number, room: number, { trains }: { readonly trains: boolean }) {
    this.batch = arena.makeBatch(count, room);
    this.#b = arena.b;
    this.#view = arena.view;
    this.#slots = Int32Array.from(this.batch, ({ slot }) => slot);
    this.#room = room;
    this.#reads = new ReadBuffers(arena, count, HEADROOM - VNET_LEN, room - HEADROOM + VNET_LEN);
    this.#reader = readerFor(arena, fd, count);
    this.#writer = new TrainWriter(arena, writerFor(arena, fd, count), count, { trains });
    this.#cutter = new SegmentCutter(arena, arena.alloc(HEADERS_ROOM));
  }

  /** True once the device was deleted: the queue is dead, and a poll for it would never sleep. */
  get gone(): boolean {
    return this.#reader.gone;
  }

  receive(): number {
    const reads = this.#reads;
    // What was read before lies where new packets would go: it is handed out first, by itself.
    if (this.#turn < reads.count) return this.#handOut(0);
    reads.clear();
    this.#turn = 0;
    let n = 0;
    for (let waits = true; waits && n < this.batch.length; ) {
      waits = this.#reader.read(reads);
      n = this.#handOut(n);
    }
    return n;
  }

  send(frames: readonly Frame[], n: number): number {
    return this.#writer.send(frames, n);
  }

  /** Fills frames from number `n` on with what was read, trains cut into segments. Returns the number of the next frame. */
  #handOut(n: number): number {
    const batch = this.batch;
    const cutter = this.#cutter;
    let next = n;
    while (next < batch.length && this.#turn < this.#reads.count) {
      const frame = batch[next++];
      if (cutter.left > 0 || this.#beginTrain()) {
        frame.slot = this.#slots[next - 1];
        frame.off = frame.slot + HEADROOM;
        frame.end = cutter.cut(frame.off);
      } else this.#take(frame);
      frame.limit = frame.slot + this.#room;
      if (cutter.left === 0) this.#turn++;
    }
    return next;
  }

  /** False when the packet whose turn it is is no train. */
  #beginTrain(): boolean {
    const b = this.#b;
    const said = this.#reads.offsets[this.#turn];
    if (!isTcp6Train(b, said)) return false;
    this.#reader.slowDown();
    const off = said + VNET_LEN;
    return this.#cutter.begin(off, said + this.#reads.lengths[this.#turn], checksumFrom(b, said), segmentSize(b, said));
  }

  /** Has `frame` hold the packet whose turn it is, where it lies. */
  #take(frame: Frame): void {
    const b = this.#b;
    const said = this.#reads.offsets[this.#turn];
    frame.off = said + VNET_LEN;
    frame.end = said + this.#reads.lengths[this.#turn];
    frame.slot = frame.off - HEADROOM;
    if (isPlain(b, said)) return;
    const from = frame.off + checksumFrom(b, said);
    completeChecksum(b, this.#view, from, from + checksumAt(b, said), frame.end);
  }
}
