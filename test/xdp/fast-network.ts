/**
 * A network for tests of the fast path: what a packet thread would forward is forwarded between two cables of the relay.
 *
 *   host 192.0.2.10 --- tdmh/tdmr --- relay 192.88.99.1 --- xdlr/xdlf --- far 2001:db8:80::80
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { test as base } from 'vitest';
import { ifNameToIndex } from '../../src/linux/libc.js';
import { pinFolder, removePins } from '../../src/xdp/pins.js';
import type { XdpLink, XdpMode, XdpProgram } from '../../src/xdp/program.js';
import { FAR, HOST_TUNNEL, Network, RELAY_TUNNEL, type Run } from '../lab/daemon-network.js';
import { Namespace, withoutNamespaces } from '../linux/namespace.js';

/** Address of the relay on the far cable. */
const NEAR = '2001:db8:80::1';
/** The other IPv4 address of the relay, for a Teredo server. */
export const SECONDARY = '192.0.2.3';
/** Octets of a transfer. */
export const CONTENT = 2_000_000;
const PORT = 8080;

/** The interfaces of the relay. */
export const CABLES = ['tdmr', 'xdlr'] as const;
/** The programs there, as ip shows them: ours in both drivers; none. */
export const NATIVE = { tdmr: 'xdp', xdlr: 'xdp' } as const;
export const NONE = { tdmr: null, xdlr: null } as const;

/** Both ends of a tunnel, as a configuration has them. */
export interface Tunnels {
  readonly host: string;
  readonly relay: string;
}

const SIX_TO_FOUR: Tunnels = { host: HOST_TUNNEL, relay: RELAY_TUNNEL };

/** What runs. */
interface Running {
  readonly host: Run;
  readonly relay: Run;
  readonly hostConfig: string;
  readonly relayConfig: string;
}

/** Host, relay, and the machine beyond. */
export class FastNetwork extends Network {
  readonly far = new Namespace();

  constructor() {
    super();
    this.layCable();
    this.exec(this.relay, `ip address del ${FAR}/128 dev lo`);
    this.exec(this.relay, `ip address add ${SECONDARY}/24 dev tdmr`);
    this.receiveRedirected(this.host, 'tdmh');
  }

  /** The cable to the machine beyond, which may have been taken away. */
  layCable(): void {
    this.exec(this.relay, `ip link add xdlr type veth peer name xdlf netns ${this.far.path}`);
    for (const [namespace, device, address, linkLocal] of [
      [this.relay, 'xdlr', NEAR, 'fe80::b'],
      [this.far, 'xdlf', FAR, 'fe80::f'],
    ] as const) {
      this.exec(namespace, 'sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0');
      this.exec(namespace, `ip link set ${device} addrgenmode none up`);
      this.exec(namespace, `ip address add ${address}/64 dev ${device} nodad`);
      // Without one the kernel does not ask for its neighbours.
      this.exec(namespace, `ip address add ${linkLocal}/64 dev ${device} nodad`);
    }
    this.exec(this.far, `ip route replace default via ${NEAR}`);
    this.receiveRedirected(this.far, 'xdlf');
    this.exec(this.relay, `ping -6 -q -c 1 -w 5 ${FAR}`);
  }

  /** Has the end of a cable take frames that are redirected into the other end, and send whole checksums. */
  receiveRedirected(namespace: Namespace, device: string): void {
    this.exec(namespace, `ethtool -K ${device} gro on tx off`);
  }

  /** A configuration of the relay with a `[fastpath]` table of these lines. */
  relayConfig(lines: string, tunnel = RELAY_TUNNEL): string {
    return this.configure('relay', `${tunnel}\n[fastpath]\n${lines}`);
  }

  /** The host, and the relay with these lines in its `[fastpath]`, running; `tunnels` are others than those of 6to4. */
  async start(lines: string, wrapper: readonly string[] = [], tunnels: Tunnels = SIX_TO_FOUR): Promise<Running> {
    const relayConfig = this.relayConfig(lines, tunnels.relay);
    const hostConfig = this.configure('host', tunnels.host);
    const relay = this.run(this.relay, ['run', '--config', relayConfig], wrapper);
    const host = await this.service(this.host, hostConfig);
    await relay.line('ready');
    return { host, relay, hostConfig, relayConfig };
  }

  /** XDP programs on the interfaces of the relay, as ip tells: `xdp`, `xdpgeneric`. */
  programs(): Record<string, string | null> {
    const text = this.exec(this.relay, 'ip -o link show');
    return Object.fromEntries(CABLES.map((name) => [name, new RegExp(` ${name}@.* (xdp(?:generic)?) `).exec(text)?.[1] ?? null]));
  }

  /** Puts a program of somebody else on an interface of the relay. */
  occupy(program: XdpProgram, device: string, mode: XdpMode): XdpLink {
    return this.relay.run(() => program.attach(ifNameToIndex(device), mode));
  }

  /** How many of the `CONTENT` octets that `from` has at `address` arrive at `to` by TCP. */
  async transfer(from: Namespace, address: string, to: Namespace): Promise<number> {
    const file = this.file('server.mjs');
    writeFileSync(file, SERVER);
    const server = spawn('nsenter', [`--net=${from.path}`, process.execPath, file, address], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(server.stdout, 'data');
      return Number(this.exec(to, `curl -sS -g -o /dev/null -w %{size_download} http://[${address}]:${PORT}/`));
    } finally {
      server.kill();
    }
  }

  override async close(): Promise<void> {
    // What stays by intent is no test's to keep.
    this.relay.run(() => removePins(pinFolder('relay')));
    await super.close();
    this.far.close();
  }
}

const SERVER = `
import { createServer } from 'node:http';
createServer((_, response) => response.end(Buffer.alloc(${CONTENT}, 'tsunagi'))).listen(${PORT}, process.argv[2], () => console.log('ready'));
`;

/** A test with such a network of its own; without root it is skipped, with the reason. */
export const test = base.extend<{ net: FastNetwork }>({
  net: async ({ skip }, use) => {
    const reason = withoutNamespaces();
    if (reason !== null) skip(reason);
    const net = new FastNetwork();
    await use(net);
    await net.close();
  },
});
