/** `decode`: what each packet of a capture is, or of a fast path at work, and what a node would do with it. */
import { readFileSync, statSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { unreadable } from '../../config/load.js';
import { hypotheticalNode } from '../../daemon/configuration.js';
import { Exit, Failure } from '../../daemon/failure.js';
import { Explainer } from '../../engine/explain.js';
import type { NodeSpec } from '../../engine/spec.js';
import { domainsOf } from '../../engine/technologies.js';
import { dst4, fragment4, isIpv4, MF, Protocol, protocol4, src4 } from '../../wire/ipv4.js';
import { type CapturedPacket, EtherType, PcapError, PcapReader } from '../../wire/pcap.js';
import type { LiveVerdict } from '../../xdp/live.js';
import { jsonOption, wholeNumber } from '../argument.js';
import { type Io, paint } from '../io.js';
import { livePackets } from '../live-capture.js';
import { type Layer, layersOf, layersText } from '../packet-layers.js';

/** Octets of a capture that are read. */
const MAX_FILE = 1 << 30;

/** What a node would do with a packet, or why that is no question for it. */
type Judgement =
  | {
      readonly tunnel: string | null;
      readonly verdict: 'forward' | 'hold' | 'consumed' | 'drop';
      readonly reason?: string;
      readonly rfc?: string;
      /** Packets that the node would send because of it: ICMP errors. */
      readonly answers: number;
    }
  | { readonly verdict: null; readonly why: string };

interface DecodeOptions {
  readonly config?: string;
  readonly tunnel?: string;
  readonly live?: string;
  readonly every?: number;
  readonly json?: boolean;
}

/** Exit status: 0, 1 the file is no capture or there is no fast path, 3 the configuration is invalid, 4 the fast path may not be looked at. */
export function decodeCommand(io: Io): Command {
  return new Command('decode')
    .addArgument(new Argument('[file]', 'capture in pcap format'))
    .addOption(
      new Option('--live <interface>', 'instead of a file: what the fast path does there, until interrupted; tcpdump does not see it'),
    )
    .addOption(new Option('--every <n>', 'of the frames there, one of so many (default: all)').argParser(wholeNumber(1, 1_000_000)))
    .addOption(new Option('--config <file>', 'say also what the node of this configuration would do: verdict, reason, RFC section'))
    .addOption(new Option('--tunnel <name>', 'the tunnel into which IPv6 packets are routed (default: the first)'))
    .addOption(jsonOption('print one JSON object a packet'))
    .action(async (file: string | undefined, { config, tunnel, live, every, json }: DecodeOptions, command: Command) => {
      if ((file === undefined) === (live === undefined)) command.error('error: expected a file, or --live and an interface');
      if (every !== undefined && live === undefined) command.error('error: --every needs --live');
      const node = config === undefined ? null : hypotheticalNode(config);
      if (tunnel !== undefined && node?.tunnels.every(({ name }) => name !== tunnel) !== false) {
        command.error(`error: --tunnel ${tunnel}: ${node === null ? 'needs --config' : 'the configuration has no such tunnel'}`);
      }
      for (const { name, down } of node?.tunnels ?? []) {
        if (down !== null) io.err(`tunnel ${name} would be down here and now, and takes no packet: ${down}`);
      }
      const judge = node === null ? null : new Judge(node, tunnel);
      const domains = node?.tunnels.flatMap(domainsOf) ?? [];
      let number = 0;
      const missed = (frames: number): void => io.err(`${frames} frames more were not shown: too many came at once`);
      const packets = live === undefined ? recorded(file ?? '') : livePackets(live, every ?? 1, missed);
      for await (const { packet, became } of packets) {
        number++;
        const layers = layersOf(packet, domains);
        // What the fast path has forwarded is no more as it came.
        const judgement = became === 'forward' ? null : (judge?.judge(packet) ?? null);
        const fastpath = became === null ? {} : { fastpath: became };
        if (json === true) io.out(JSON.stringify({ number, time: packet.time / 1000, layers, ...fastpath, ...judgement }));
        else io.out([text(number, layers, judgement, io), ...(became === null ? [] : [becameText(became, io)])].join('\n'));
      }
    });
}

/** A node that is shown one packet after the other. */
class Judge {
  readonly #explainer: Explainer;
  readonly #own: ReadonlySet<number>;
  readonly #tunnel: string | undefined;
  /** Monotonic, whatever the capture says. */
  #now = 0;
  #first: number | null = null;

  constructor(node: NodeSpec, tunnel: string | undefined) {
    this.#explainer = new Explainer(node);
    this.#own = new Set(node.tunnels.flatMap(({ local }) => local));
    this.#tunnel = tunnel;
  }

  judge({ b, off, end, time, etherType }: CapturedPacket): Judgement {
    this.#first ??= time;
    this.#now = Math.max(this.#now, time - this.#first);
    const side = etherType === EtherType.ipv4 ? 'v4' : 'v6';
    if (etherType !== EtherType.ipv4 && etherType !== EtherType.ipv6) return { verdict: null, why: 'neither IPv4 nor IPv6' };
    const aside = side === 'v4' ? this.#aside(b, off, end) : null;
    if (aside !== null) return { verdict: null, why: aside };
    const { tunnel, verdict, reason, rfc, answers } = this.#explainer.explain(side, b.subarray(off, end), this.#now, this.#tunnel);
    return { tunnel, verdict, ...(reason !== null && { reason }), ...(rfc !== null && { rfc }), answers: answers.length };
  }

  /** Why an IPv4 packet does not come to a tunnel as it is; null when it does. */
  #aside(b: Uint8Array, off: number, end: number): string | null {
    if (!isIpv4(b, off, end)) return null;
    const protocol = protocol4(b, off);
    if (this.#own.has(src4(b, off)) && !this.#own.has(dst4(b, off))) return 'sent by this node';
    if (protocol !== Protocol.ipv6 && protocol !== Protocol.icmp) return 'no business of a tunnel';
    if ((fragment4(b, off) & (MF | 0x1fff)) !== 0) return 'a fragment: the kernel puts the packet together first';
    return null;
  }
}

/** A packet, and what the fast path has made of it; null: it is from a file. */
interface Shown {
  readonly packet: CapturedPacket;
  readonly became: LiveVerdict | null;
}

function* recorded(file: string): Generator<Shown> {
  for (const packet of capture(file)) yield { packet, became: null };
}

function* capture(file: string): Generator<CapturedPacket> {
  try {
    const { size } = statSync(file);
    if (size > MAX_FILE) throw new Failure(Exit.failed, `${file} has ${size} octets: at most ${MAX_FILE} are read`);
    yield* new PcapReader(readFileSync(file));
  } catch (cause) {
    if (cause instanceof PcapError || (cause as NodeJS.ErrnoException).code !== undefined) {
      throw new Failure(Exit.failed, `${file}: ${unreadable(cause)}`, { cause });
    }
    throw cause;
  }
}

const COLOURS = { forward: 'green', hold: 'yellow', consumed: 'green', drop: 'red' } as const;

const BECAME = { forward: 'green', 'pass up': 'yellow', lost: 'red' } as const;

function becameText(became: LiveVerdict, io: Io): string {
  return `      fast path: ${paint(io, BECAME[became], became)}`;
}

function text(number: number, layers: readonly Layer[], judgement: Judgement | null, io: Io): string {
  const line = `${String(number).padStart(4)}  ${layersText(layers)}`;
  if (judgement === null) return line;
  if (judgement.verdict === null) return `${line}\n      -> ${paint(io, 'dim', judgement.why)}`;
  const { verdict, tunnel, reason, rfc, answers } = judgement;
  const words = [
    paint(io, COLOURS[verdict], verdict),
    ...(tunnel === null ? [] : [`by ${tunnel}`]),
    ...(reason === undefined ? [] : [`${reason} (${rfc})`]),
    ...(answers === 0 ? [] : [answers === 1 ? 'and answer' : `and answer ${answers} times`]),
  ];
  return `${line}\n      -> ${words.join(' ')}`;
}
