/** Ports in memory for engine tests, on dirty frames, with refusals on order. */
import { Drop } from '../../src/core/drop.js';
import { Frame, HEADROOM, makeBatch } from '../../src/core/frame.js';
import type { Ports } from '../../src/engine/pipeline.js';
import type { Port, PortKind } from '../../src/engine/port.js';
import type { NodeSpec } from '../../src/engine/spec.js';
import { dst4, src4 } from '../../src/wire/ipv4.js';

/** What slots hold before a packet comes into them. */
export const DIRT = 0xa5;

/** One port. Packets are put into `inbound`, and found in `sent`. */
export class MemoryPort implements Port {
  readonly kind: PortKind;
  readonly batch: Frame[];
  readonly inbound: Uint8Array[] = [];
  readonly sent: Uint8Array[] = [];
  /** Frames that one `send` takes before the queue is full. */
  room = Number.POSITIVE_INFINITY;
  /** What becomes of a frame. */
  fateOf: (frame: Frame) => number = () => Drop.none;
  /** What the rest of a slot is filled with. */
  dirt = DIRT;

  constructor(kind: PortKind, batch: Frame[]) {
    this.kind = kind;
    this.batch = batch;
  }

  receive(): number {
    let n = 0;
    for (const frame of this.batch) {
      const packet = this.inbound.shift();
      if (packet === undefined) break;
      frame.b.fill(this.dirt, frame.slot, frame.limit);
      if (!frame.fill(packet, 0, packet.length)) throw new RangeError(`a packet of ${packet.length} octets does not fit`);
      frame.remote.addr = packet.length >= 20 && packet[0] >>> 4 === 4 ? src4(packet, 0) : 0;
      n++;
    }
    return n;
  }

  send(frames: readonly Frame[], n: number): number {
    const taken = Math.min(n, this.room);
    for (let i = 0; i < taken; i++) {
      const frame = frames[i];
      const outer = this.kind === 'protocol-41' ? dst4(frame.b, frame.off) : 0;
      if (outer !== 0 && outer !== frame.remote.addr) throw new RangeError(`a packet to ${outer} goes to ${frame.remote.addr}`);
      frame.fate = this.fateOf(frame);
      if (frame.fate === Drop.none) this.sent.push(frame.b.slice(frame.off, frame.end));
    }
    return taken;
  }

  /** What was sent since the last call. */
  take(): Uint8Array[] {
    return this.sent.splice(0);
  }
}

/** The ports of one packet thread. */
export class MemoryPorts implements Ports {
  readonly protocol41: MemoryPort;
  readonly icmp4: MemoryPort;
  readonly tunnels: Map<string, MemoryPort>;
  readonly udp: Ports['udp'] = new Map();
  readonly outlet = null;
  readonly lans: Map<string, MemoryPort>;
  readonly dhcp4: Map<string, MemoryPort> = new Map();
  /** All frames that were made. */
  readonly frames = new Set<Frame>();

  /** Those that `node` needs; a batch has `count` frames. */
  constructor(node: NodeSpec, count = 4) {
    const port = (kind: PortKind): MemoryPort => new MemoryPort(kind, this.makeBatch(count, HEADROOM + 4096));
    this.protocol41 = port('protocol-41');
    this.icmp4 = port('icmp4');
    this.tunnels = new Map(node.tunnels.map((tunnel) => [tunnel.interface ?? '', port('ipv6')]));
    this.lans = new Map(node.tunnels.flatMap((tunnel) => tunnel.lans.map((lan) => [lan.interface, port('lan')])));
  }

  makeBatch(count: number, room: number): Frame[] {
    const batch = makeBatch(count, room);
    for (const frame of batch) {
      frame.b.fill(DIRT, frame.slot, frame.limit);
      this.frames.add(frame);
    }
    return batch;
  }
}

/** A frame that holds `packet`, the rest of its slot dirty. */
export function frameOf(packet: Uint8Array, dirt = DIRT, room = HEADROOM + 4096): Frame {
  const frame = new Frame(new Uint8Array(room).fill(dirt), 0, room);
  if (!frame.fill(packet, 0, packet.length)) throw new RangeError(`a packet of ${packet.length} octets does not fit`);
  return frame;
}
