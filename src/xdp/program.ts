/** An XDP program in the kernel: run over one frame, and attached to interfaces. */
import { Arena } from '../linux/arena.js';
import { close, must } from '../linux/libc.js';
import { libbpf } from './libbpf.js';

/** Attach type BPF_XDP of enum bpf_attach_type. */
const BPF_XDP = 37;
/** XDP_FLAGS_SKB_MODE and XDP_FLAGS_DRV_MODE, linux/if_link.h. */
export const MODE_FLAGS = { generic: 2, native: 4 } as const;
/** struct bpf_link_create_opts, as far as it is set. */
const LINK = { size: 16, flags: 8 } as const;
/** struct bpf_test_run_opts. */
const RUN = { size: 80, in: 8, out: 16, inLen: 24, outLen: 28, ctx: 32, ctxLen: 48, retval: 56, repeat: 60, duration: 64 } as const;
/** struct xdp_md: offset of the end of the frame, and the interface it came in on. */
const MD = { size: 24, end: 4, ifindex: 12 } as const;
/** Octets of a frame in a test run: room for headers pushed and for frames in several buffers. */
const FRAME_ROOM = 1 << 17;

/** How a program is attached: in the driver, or in front of the stack on any device. */
export type XdpMode = 'native' | 'generic';

/** What a program made of one frame. */
export interface TestRun {
  /** What it returned: XDP_PASS is 2. */
  readonly verdict: number;
  /** The frame as it left it. */
  readonly frame: Uint8Array;
  /** Mean duration of a run, nanoseconds. */
  readonly nanoseconds: number;
}

/** A program in the kernel. */
export class XdpProgram {
  readonly name: string;
  readonly fd: number;
  /** Memory of test runs; null: there was none. */
  #bench: Arena | null = null;

  constructor(name: string, program: number) {
    this.name = name;
    this.fd = libbpf().programFd(program);
  }

  /**
   * Runs it over `frame`, at least 14 octets of Ethernet, as if it had come in on `ifindex` (of an interface with an XDP
   * program, in this namespace; left out: the loopback interface). Nothing is sent. `repeat`: runs, for the duration.
   */
  testRun(frame: Uint8Array, { ifindex = 0, repeat = 1 }: { readonly ifindex?: number; readonly repeat?: number } = {}): TestRun {
    this.#bench ??= new Arena(4096 + 2 * FRAME_ROOM);
    const { b, view, base } = this.#bench;
    const [opts, ctx, out, in_] = [0, 1024, 4096, 4096 + FRAME_ROOM];
    if (frame.length > FRAME_ROOM) throw new RangeError(`${this.name}: a frame of ${frame.length} octets`);
    b.fill(0, 0, out);
    b.set(frame, in_);
    view.setBigUint64(opts, BigInt(RUN.size), true);
    view.setBigUint64(opts + RUN.in, BigInt(base + in_), true);
    view.setBigUint64(opts + RUN.out, BigInt(base + out), true);
    view.setUint32(opts + RUN.inLen, frame.length, true);
    view.setUint32(opts + RUN.outLen, FRAME_ROOM, true);
    view.setInt32(opts + RUN.repeat, repeat, true);
    if (ifindex !== 0) {
      view.setBigUint64(opts + RUN.ctx, BigInt(base + ctx), true);
      view.setUint32(opts + RUN.ctxLen, MD.size, true);
      view.setUint32(ctx + MD.end, frame.length, true);
      view.setUint32(ctx + MD.ifindex, ifindex, true);
    }
    must(libbpf().testRun(this.fd, base + opts), 'bpf_prog_test_run_opts', `${this.name}, ${frame.length} octets`);
    return {
      verdict: view.getUint32(opts + RUN.retval, true),
      frame: b.slice(out, out + view.getUint32(opts + RUN.outLen, true)),
      nanoseconds: view.getUint32(opts + RUN.duration, true),
    };
  }

  /** Attaches it to an interface. Throws `SystemError`: EBUSY or EEXIST when there is another, EOPNOTSUPP when the driver cannot. */
  attach(ifindex: number, mode: XdpMode): XdpLink {
    const opts = new Uint8Array(LINK.size);
    const view = new DataView(opts.buffer);
    view.setUint32(0, LINK.size, true);
    view.setUint32(LINK.flags, MODE_FLAGS[mode], true);
    const fd = must(libbpf().linkCreate(this.fd, ifindex, BPF_XDP, opts), 'bpf_link_create', `interface ${ifindex}, ${mode}`);
    return new XdpLink(fd);
  }

  /** Gives back the memory of test runs. */
  release(): void {
    this.#bench?.unmap();
    this.#bench = null;
  }
}

/** A program on an interface. It goes with the process, however that ends, unless it is pinned. */
export class XdpLink {
  readonly fd: number;

  /** The one that is pinned at `path`. Throws `SystemError`. */
  static pinned(path: string): XdpLink {
    return new XdpLink(must(libbpf().pinned(path), 'bpf_obj_get', path));
  }

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Keeps it, named by a file of a BPF file system, beyond this process. */
  pin(path: string): void {
    must(libbpf().pin(this.fd, path), 'bpf_obj_pin', path);
  }

  /** Has `program` in the place of the one that is there: no frame meets none. Throws `SystemError`. */
  update(program: XdpProgram): void {
    must(libbpf().linkUpdate(this.fd, program.fd, null), 'bpf_link_update', program.name);
  }

  /** Takes the program off the interface, unless it is pinned. */
  close(): void {
    close(this.fd);
  }
}
