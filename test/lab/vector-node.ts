/**
 * The node of one configuration in a namespace, with the real service on it, watched from outside.
 *
 *   wire namespace                         node's own namespace
 *   packet socket on tvnN ---- veth ---- tvn0 [ IPv4 stack -> service -> TUN ] packet socket on TUN
 *                                             [ service -> IPv6 stack -> tvo0 ] ---- veth ---- packet socket on tvo1
 *
 * Packets are put on the veth, and into the TUN, below the stacks: any octets at all, exactly as they are. One
 * packet is shown at a time, and marks follow it until the service has counted them: by then it has counted the
 * packet too, or the kernel has kept it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ControlClient } from '../../src/daemon/control-client.js';
import type { Status } from '../../src/daemon/status.js';
import { SystemError } from '../../src/linux/libc.js';
import { formatIpv4 } from '../../src/wire/address.js';
import { IPv4Link, IPv6Link } from '../linux/far-end.js';
import type { Namespace } from '../linux/namespace.js';
import { datagram, hex, ipv4 } from '../vectors/compose.js';
import { comparable } from '../vectors/load.js';
import { configOf, hostAddresses } from '../vectors/node.js';
import {
  countedSince,
  judgementOf,
  latest,
  type Outcome,
  outcomeOf,
  type Sent,
  speechOf,
  type Tally,
  tallyOf,
} from '../vectors/outcome.js';
import type { Vector } from '../vectors/vector.js';
import { Run } from './daemon-network.js';

/** Octets on veth and TUN, more than any packet of a vector has. */
const MTU = 9000;
const MAC = [2, 0, 0, 0, 0, 1];
/** Milliseconds until a mark that was not counted is lost. */
const PATIENCE = 5000;
/** Where marks come from. */
const MARKER = '9.9.9.9';

/** What is sent behind a packet, so that the service is known to be through with it. */
interface Mark {
  readonly counted: string;
  readonly payload: Uint8Array;
}

const TRUNCATED: Mark = { counted: 'drop truncated', payload: Uint8Array.of(0x60) };
/** What is no IPv6, by the carrier of the tunnels. */
const STRANGE = { 'protocol-41': 'drop not_ipv6', udp: 'drop malformed_teredo' } as const;

/** Where marks are sent to, and how. */
interface Target {
  readonly carrier: keyof typeof STRANGE;
  readonly local: string;
  /** Of UDP; else it means nothing. */
  readonly port: number;
}

/** What became of a vector's packet. */
export interface Played {
  /** Empty: the kernel kept it from the service. */
  readonly judgement: Outcome;
  readonly outcome: Outcome;
  /** What the service had said of its own accord. */
  readonly speech: readonly string[];
}

/** One node. */
export class VectorNode {
  readonly #run: Run;
  readonly #client: ControlClient;
  readonly #wire: IPv4Link;
  /** One a tunnel; where packets of the IPv6 stack come out of a node whose tunnels have none. */
  readonly #devices: readonly IPv6Link[];
  readonly #target: Target;
  /** Lets the devices take packets that are too large for the tunnels. */
  readonly #widen: () => void;
  /** What it has sent of its own accord, or too late. */
  readonly #said: Sent[] = [];

  private constructor(run: Run, client: ControlClient, wire: IPv4Link, devices: readonly IPv6Link[], target: Target, widen: () => void) {
    this.#widen = widen;
    this.#run = run;
    this.#client = client;
    this.#wire = wire;
    this.#devices = devices;
    this.#target = target;
  }

  /** Makes the host that `vectors/README.md` describes of `node`, and starts the service. `name` is unique in `wire` and `folder`. */
  static async start(name: string, toml: string, node: Namespace, wire: Namespace, folder: string): Promise<VectorNode> {
    const config = configOf(toml);
    const addresses = hostAddresses(config).map(formatIpv4);
    node.run(() => {
      ip([
        `link add tvn0 address ${MAC.map((octet) => octet.toString(16)).join(':')} type veth peer name ${name} netns ${wire.path}`,
        `link set dev tvn0 mtu ${MTU} arp off up`,
        ...addresses.map((address) => `address add ${address}/24 dev tvn0`),
        'route add default dev tvn0',
      ]);
      sysctl('ipv4', { 'all/rp_filter': 0, 'tvn0/rp_filter': 0 });
      // Left out is forwarding: with it the kernel speaks of its groups into the TUN, and the service counts that too.
      sysctl('ipv6', { 'all/disable_ipv6': 0, 'default/disable_ipv6': 0, 'tvn0/disable_ipv6': 1 });
    });
    const far = wire.run(() => {
      ip([`link set dev ${name} mtu ${MTU} arp off up`]);
      return new IPv4Link(name, MAC);
    });
    const home = join(folder, name);
    mkdirSync(home);
    const control = join(home, 'control.sock');
    writeFileSync(join(home, 'tsunagi.toml'), located(toml, `control = "${control}"\nstate = "${home}"`));
    const run = new Run(node, ['run', '--config', join(home, 'tsunagi.toml')]);
    try {
      await run.line('ready');
      const client = await ControlClient.connect(control);
      const { tunnels } = (await client.ask({ command: 'status' })) as Status;
      const names = tunnels.flatMap((tunnel) => tunnel.interface ?? []);
      const devices = node.run(() => {
        if (names.length === 0) return [openOutlet()];
        // What comes out of a TUN goes no further: an answer of this host would go back into it.
        ip(['rule add pref 0 blackhole', 'rule delete pref 0 lookup local'], '-6');
        return names.map((device) => new IPv6Link(device, null));
      });
      const [first] = config.tunnels;
      const port = 'port' in first ? first.port : null;
      const target: Target = { carrier: port === null ? 'protocol-41' : 'udp', local: tunnels[0].local ?? MARKER, port: port ?? 0 };
      const vectorNode = new VectorNode(run, client, far, devices, target, () => {
        node.run(() => ip(names.map((device) => `link set dev ${device} mtu ${MTU}`)));
      });
      vectorNode.#widen();
      return vectorNode;
    } catch (error) {
      run.child.kill('SIGKILL');
      throw error;
    }
  }

  /** Shows the node what a vector says that came before. What that teaches the service it follows when it gets to it: at a reload, at once. */
  async prepare({ state = [] }: Vector): Promise<void> {
    for (const step of state) {
      await this.#show(step.from, hex(step.in), this.#strange(), []);
      if (step.from === 'v4') await this.#client.ask({ command: 'reload' });
    }
    this.#widen();
  }

  /** Shows the node the packet of a vector, once it has said what it is to say before. */
  async play({ from, in: octets, reason, answers = [], says = [] }: Vector): Promise<Played> {
    await this.#until('speech', async () => {
      // Asking takes a moment, in which it may come.
      await this.#tally();
      this.#said.push(...this.#sent());
      return speechOf(this.#said).length >= says.length;
    });
    const strange = this.#strange();
    const mark = `drop ${reason}` === strange.counted ? TRUNCATED : strange;
    const { counted, sent } = await this.#show(from, hex(octets), mark, answers);
    const judgement = judgementOf(from, counted);
    return { judgement, outcome: outcomeOf(from, judgement, sent), speech: speechOf(this.#said) };
  }

  /** Ends the service. */
  async stop(): Promise<void> {
    this.#client.close();
    for (const link of [this.#wire, ...this.#devices]) link.close();
    await this.#run.stop();
  }

  /** Shows one packet; what was counted and sent because of it, `answers` being waited for. */
  async #show(
    from: Vector['from'],
    packet: Uint8Array,
    mark: Mark,
    answers: NonNullable<Vector['answers']>,
  ): Promise<{ counted: Tally; sent: readonly Sent[] }> {
    this.#said.push(...this.#sent());
    const before = await this.#tally();
    if (!accepts(from === 'v4' ? this.#wire : this.#devices[0], packet)) return { counted: new Map(), sent: [] };
    // One step of the service may count the first mark before it has dealt with the packet. The second comes in a later step.
    for (let marks = 1; marks <= 2; marks++) {
      this.#wire.send(this.#marked(mark.payload));
      const wanted = (before.get(mark.counted) ?? 0) + marks;
      await this.#until(`a mark that is counted as ${mark.counted}`, async () => ((await this.#tally()).get(mark.counted) ?? 0) >= wanted);
    }
    const counted = new Map(countedSince(before, await this.#tally()));
    counted.set(mark.counted, (counted.get(mark.counted) ?? 0) - 2);
    if (counted.get(mark.counted) === 0) counted.delete(mark.counted);
    const sent = this.#sent();
    const deadline = performance.now() + latest(answers);
    while (
      performance.now() < deadline &&
      !answers.every(({ octets }) => sent.some((one) => comparable(one.octets) === comparable(octets)))
    ) {
      await this.#tally();
      sent.push(...this.#sent());
    }
    return { counted, sent };
  }

  /** A mark that is counted as what no tunnel takes for IPv6. */
  #strange(): Mark {
    return { counted: STRANGE[this.#target.carrier], payload: Uint8Array.of(0) };
  }

  #marked(payload: Uint8Array): Uint8Array {
    const { carrier, local, port } = this.#target;
    return carrier === 'udp' ? datagram(`${MARKER}:9`, `${local}:${port}`, payload) : ipv4({ src: MARKER, dst: local }, payload);
  }

  /** What has been sent since this was asked last. */
  #sent(): Sent[] {
    return [
      ...this.#wire.take().map((octets) => ({ to: 'v4' as const, octets })),
      ...this.#devices.flatMap((device) => device.take()).map((octets) => ({ to: 'v6' as const, octets })),
    ];
  }

  async #until(what: string, isThere: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!(await isThere())) if (performance.now() > deadline) throw new Error(`no ${what} within ${PATIENCE} ms`);
  }

  async #tally(): Promise<Tally> {
    return tallyOf((await this.#client.ask({ command: 'status' })) as Status);
  }
}

/** Where all goes that the IPv6 stack of this namespace sends, and nobody answers. */
function openOutlet(): IPv6Link {
  ip([`link add tvo0 mtu ${MTU} type veth peer name tvo1 mtu ${MTU}`, 'link set dev tvo0 arp off']);
  // Neither has an address of its own, for which the kernel would speak.
  sysctl('ipv6', { 'tvo0/disable_ipv6': 0, 'tvo0/addr_gen_mode': 1, 'tvo1/disable_ipv6': 1 });
  ip(['link set dev tvo1 up', 'link set dev tvo0 up']);
  ip(['route add default dev tvo0'], '-6');
  return new IPv6Link('tvo1', null);
}

/** False when the kernel refuses to send the packet over the interface at all. */
function accepts(link: IPv4Link | IPv6Link, packet: Uint8Array): boolean {
  try {
    link.send(packet);
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENETDOWN') return false;
    throw error;
  }
}

/** A configuration with lines more in its `[node]`. */
function located(toml: string, lines: string): string {
  return toml.startsWith('[node]\n') ? toml.replace('[node]\n', `[node]\n${lines}\n`) : `[node]\n${lines}\n${toml}`;
}

function ip(lines: readonly string[], ...options: readonly string[]): void {
  execFileSync('ip', [...options, '-batch', '-'], { input: lines.join('\n') });
}

function sysctl(family: 'ipv4' | 'ipv6', values: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(values)) writeFileSync(`/proc/sys/net/${family}/conf/${key}`, String(value));
}
