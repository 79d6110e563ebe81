/** Frames that the fast path has on an interface, as packets of a capture that does not end by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Exit, Failure } from '../daemon/failure.js';
import { SystemError } from '../linux/libc.js';
import { type CapturedPacket, LinkType, PcapReader, pcapHeader, pcapRecord } from '../wire/pcap.js';
import type { LiveFrame, LiveFrames, LiveVerdict } from '../xdp/live.js';

/** A packet, and what became of it. */
export interface LivePacket {
  readonly packet: CapturedPacket;
  readonly became: LiveVerdict;
}

/** Milliseconds between two looks: what the kernel keeps until then bounds how many frames a second are shown. */
const PERIOD = 100;

/**
 * One of `every` frames that arrive on `device`, until SIGINT or SIGTERM. `missed` is told how many there was no room for,
 * if any. A Failure says why there is nothing to be seen.
 */
export async function* livePackets(device: string, every: number, missed: (frames: number) => void): AsyncGenerator<LivePacket> {
  const frames = await look(device, every);
  let isOver = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isOver = true));
  try {
    while (!isOver) {
      for (const frame of frames.read()) yield { packet: packetOf(frame), became: frame.verdict };
      await sleep(PERIOD);
    }
    if (frames.missed > 0) missed(frames.missed);
  } finally {
    frames.close();
  }
}

async function look(device: string, every: number): Promise<LiveFrames> {
  // Loaded here: nobody else who decodes needs it.
  const { LiveFrames } = await import('../xdp/live.js');
  try {
    return LiveFrames.on(device, every);
  } catch (cause) {
    if (cause instanceof SystemError && cause.code === 'EPERM') {
      throw new Failure(Exit.privilege, 'only root may look at what the fast path does', { cause });
    }
    if (cause instanceof Error) throw new Failure(Exit.failed, cause.message, { cause });
    throw cause;
  }
}

function packetOf({ time, frame }: LiveFrame): CapturedPacket {
  const sinceBoot = Number(process.hrtime.bigint()) / 1e6;
  const record = pcapRecord(Date.now() - sinceBoot + time, frame, 0, frame.length);
  const [packet] = new PcapReader(Buffer.concat([pcapHeader(LinkType.ethernet), record]));
  return packet;
}
