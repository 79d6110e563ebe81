/**
 * The fast path of one node after another, each packet shown to the loaded program by BPF_PROG_TEST_RUN.
 *
 *   namespace   xdc6: native IPv6, a default route to a neighbour that is known
 *               xdc4: IPv4, likewise; no address of the node is on it, so that no route decides in place of the program
 *               a device for each tunnel, with the routes that the node's plan has for it
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';
import { hostPlan } from '../../src/engine/host-plan.js';
import type { PlanStep } from '../../src/engine/plan.js';
import type { NodeSpec } from '../../src/engine/spec.js';
import { applyLines, runBatch } from '../../src/linux/ip-batch.js';
import { ifNameToIndex } from '../../src/linux/libc.js';
import { type PassedName, PROGRAM } from '../../src/xdp/layout.js';
import { XdpObject } from '../../src/xdp/object.js';
import { type OffloadedTunnel, offloadOf } from '../../src/xdp/offload.js';
import type { XdpProgram } from '../../src/xdp/program.js';
import { type FastInterface, Tables } from '../../src/xdp/tables.js';
import { ip, Namespace, withoutNamespaces } from '../linux/namespace.js';

const OBJECT = fileURLToPath(new URL('../../dist/bpf/tsunagi.bpf.o', import.meta.url));
/** Verdicts of XDP. */
const XDP_PASS = 2;
const XDP_REDIRECT = 4;
/** Octets of an Ethernet header. */
export const ETHERNET_LEN = 14;

/** Station addresses: of the interfaces, and of their neighbours. */
export const [MAC4, MAC6, GATEWAY4, GATEWAY6] = [0x14, 0x16, 0x04, 0x06].map((last) => Uint8Array.of(2, 0, 0, 0, 0, last));
const text = (mac: Uint8Array): string =>
  Buffer.from(mac)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');

/** Ethernet headers of what comes, and of what leaves, on either side. */
const IN = { v4: Buffer.from([...MAC4, ...GATEWAY4, 0x08, 0x00]), v6: Buffer.from([...MAC6, ...GATEWAY6, 0x86, 0xdd]) } as const;
const OUT = { v4: Buffer.from([...GATEWAY4, ...MAC4, 0x08, 0x00]), v6: Buffer.from([...GATEWAY6, ...MAC6, 0x86, 0xdd]) } as const;

/** Why programs cannot be loaded here; null when they can. */
function withoutPrograms(): string | null {
  const reason = withoutNamespaces();
  if (reason !== null) return reason;
  if (!existsSync(OBJECT)) return 'dist/bpf/tsunagi.bpf.o is not there: it is built where there is clang';
  try {
    XdpObject.load(readFileSync(OBJECT)).close();
    return null;
  } catch (error) {
    return `BPF programs cannot be loaded: ${String(error)}`;
  }
}

/** A suite that needs the program in the kernel: skipped as one, with the reason, where it cannot be loaded. */
export function describeWithPrograms(name: string, suite: () => void): void {
  const reason = withoutPrograms();
  describe(name, () => {
    if (reason === null) suite();
    else test('all of it', (context) => context.skip(reason));
  });
}

/** See the head of the file. */
export class FastNode {
  readonly tables: Tables;
  readonly #namespace = new Namespace();
  readonly #object: XdpObject;
  readonly #program: XdpProgram;
  /** The interfaces by which frames come and go. */
  readonly interfaces: { readonly v4: FastInterface; readonly v6: FastInterface };
  #devices: readonly string[] = [];
  /** What the configured node has in the fast path. */
  offloaded: readonly OffloadedTunnel[] = [];

  constructor() {
    this.#object = XdpObject.load(readFileSync(OBJECT));
    this.#program = this.#object.program(PROGRAM);
    this.tables = new Tables(this.#object);
    this.interfaces = this.inside(() => {
      sysctl('net/ipv6/conf/lo/disable_ipv6', 0);
      sysctl('net/ipv6/conf/default/disable_ipv6', 0);
      sysctl('net/ipv6/conf/all/forwarding', 1);
      for (const [name, mac] of [
        ['xdc4', MAC4],
        ['xdc6', MAC6],
      ] as const) {
        ip(`link add ${name} address ${text(mac)} type veth peer name ${name}p`);
        for (const end of [name, `${name}p`]) ip(`link set dev ${end} addrgenmode none up`);
      }
      ip('route add default via 10.255.255.254 dev xdc4 onlink');
      ip('-6 route add default via fe80::6 dev xdc6 metric 1');
      ip(`neighbour add 10.255.255.254 lladdr ${text(GATEWAY4)} dev xdc4 nud permanent`);
      ip(`neighbour add fe80::6 lladdr ${text(GATEWAY6)} dev xdc6 nud permanent`);
      const interfaces = { v4: interfaceOf('xdc4', MAC4), v6: interfaceOf('xdc6', MAC6) };
      this.tables.setInterfaces([interfaces.v4, interfaces.v6]);
      return interfaces;
    });
  }

  /** What `body` returns inside the namespace; there packets can be shown one after another at little cost. */
  inside<T>(body: () => T): T {
    return this.#namespace.run(body);
  }

  /** Makes it the fast path of `node`. */
  configure(node: NodeSpec): void {
    this.inside(() => {
      const devices = node.tunnels.flatMap(({ interface: name }) => name ?? []);
      const steps = hostPlan(node).filter((step) => step.kind === 'link' || isPrefixRoute(step));
      const { failures } = runBatch(
        [],
        [
          ...this.#devices.map((device) => `link delete ${device}`),
          ...devices.map((device) => `tuntap add dev ${device} mode tun`),
          ...devices.map((device) => `link set dev ${device} addrgenmode none`),
          ...steps.flatMap(applyLines),
        ],
      );
      for (const failure of failures) throw failure;
      this.#devices = devices;
      // See route4 in bpf/route.h.
      for (const device of devices) sysctl(`net/ipv4/conf/${device}/forwarding`, 1);
      const offload = offloadOf(node, ifNameToIndex);
      this.tables.install(offload);
      this.offloaded = offload.tunnels;
    });
  }

  /**
   * Shows it the packet `octets`, arriving on the side `from`; call it inside. The packet that leaves on the other side;
   * null: it was passed up. Throws an Error when a frame leaves with a wrong head.
   */
  forward(from: 'v4' | 'v6', octets: Uint8Array): Uint8Array | null {
    const frame = this.show(this.interfaces[from].device, Buffer.concat([IN[from], octets]));
    const head = OUT[from === 'v4' ? 'v6' : 'v4'];
    if (frame === null || head.equals(frame.subarray(0, ETHERNET_LEN))) return frame?.subarray(ETHERNET_LEN) ?? null;
    throw new Error(`a frame leaves as ${Buffer.from(frame).toString('hex')}`);
  }

  /** The frame that leaves when `frame` comes in on a device; null: it was passed up. Throws an Error when it is dropped, or passed up changed. */
  show(device: number, frame: Buffer): Uint8Array | null {
    const run = this.#program.testRun(frame, { ifindex: device });
    if (run.verdict === XDP_REDIRECT) return run.frame;
    if (run.verdict === XDP_PASS && frame.equals(run.frame)) return null;
    throw new Error(`verdict ${run.verdict}: ${frame.toString('hex')} into ${Buffer.from(run.frame).toString('hex')}`);
  }

  /** Why frames were passed up since `before`. */
  passedSince(before: ReadonlyMap<PassedName, number>): Map<PassedName, number> {
    const counts = [...this.tables.passed()].map(([name, n]) => [name, n - (before.get(name) ?? 0)] as const);
    return new Map(counts.filter(([, n]) => n > 0));
  }

  close(): void {
    this.#object.close();
    this.#namespace.close();
  }
}

/** A route to the addresses of a tunnel: default routes into one lose to that of the namespace. */
function isPrefixRoute(step: PlanStep): boolean {
  return step.kind === 'route' && step.interface !== null && step.to !== 'default' && step.from === undefined;
}

/** The interface called `name`, which has the program itself. */
export function interfaceOf(name: string, mac: Uint8Array): FastInterface {
  const ifindex = ifNameToIndex(name);
  return { ifindex, device: ifindex, vlan: 0, mac };
}

function sysctl(name: string, value: number): void {
  writeFileSync(`/proc/sys/${name}`, String(value));
}
