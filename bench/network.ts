/**
 * Three namespaces in a row, for measuring what the middle one moves:
 *
 *   source v0 ======== v0 node v1 ======== v1 sink
 *
 * The node has an IPv6 side (v0) and an IPv4 side (v1), and both families on both, so that the kernel's
 * plain forwarding and the tunnels use the same cables. The sink's interface counts a packet and XDP throws it away: who
 * sends there pays for what it does itself, and as little as can be for what a receiver would do.
 */
import { execFileSync } from 'node:child_process';
import { BARE_OBJECT } from './bare-forwarding.js';

/** The node's addresses, and hosts behind source and sink that do not exist. */
export const ADDRESS = {
  nodeSource6: '2001:db8:5::1',
  source6: '2001:db8:5::2',
  nodeSource4: '203.0.113.1',
  source4: '203.0.113.2',
  nodeSink6: '2001:db8:6::1',
  sink6: '2001:db8:6::2',
  nodeSink4: '198.51.100.1',
  sink4: '198.51.100.2',
  /** A site or an ISATAP host behind the sink, and one behind the source. */
  siteAtSink: '192.0.2.9',
  siteAtSource: '192.0.2.77',
  web: '2001:db8:80::80',
  /** The node throws away what is sent there, at its first look at the route. */
  nowhere: '2001:db8:dead::1',
} as const;

/** The network; `remove` it whatever happens. */
export class BenchNetwork {
  readonly #prefix: string;

  /** `prefix`: unique on this machine. Throws with ip's own words when it cannot be built. */
  constructor(prefix: string) {
    this.#prefix = prefix;
    try {
      this.#build();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #build(): void {
    const [source, node, sink] = ['source', 'node', 'sink'].map((name) => this.namespace(name));
    for (const name of [source, node, sink]) run('ip', 'netns', 'add', name);
    batch(source, [`link add v0 type veth peer name v0 netns ${node}`]);
    batch(sink, [`link add v1 type veth peer name v1 netns ${node}`]);
    for (const name of [source, node, sink]) sysctl(name, 'net/ipv6/conf/all/accept_dad=0', 'net/ipv6/conf/default/accept_dad=0');
    // A Teredo client sends from the source's side, and is sent to on the sink's.
    sysctl(node, 'net/ipv4/conf/all/rp_filter=0', ...['v0', 'v1'].map((device) => `net/ipv4/conf/${device}/rp_filter=0`));
    batch(source, ['link set v0 up', 'link set lo up']);
    batch(sink, ['link set v1 up', 'link set lo up']);
    batch(node, ['link set lo up', 'link set v0 up', 'link set v1 up']);
    // A frame that is redirected into a veth needs NAPI on the other end: that is what GRO on means.
    for (const [name, device] of [
      [source, 'v0'],
      [node, 'v0'],
      [node, 'v1'],
      [sink, 'v1'],
    ])
      run('ip', 'netns', 'exec', name, 'ethtool', '-K', device, 'gro', 'on');
    // What leaves is counted by packets, however many of them the kernel took in one piece.
    run('ip', 'netns', 'exec', node, 'ethtool', '-K', 'v1', 'tso', 'off', 'gso', 'off', 'tx-udp-segmentation', 'off');
    sysctl(node, 'net/ipv4/ip_forward=1', 'net/ipv6/conf/all/forwarding=1');
    batch(sink, [`link set dev v1 xdpdrv object ${BARE_OBJECT} program discard`]);
    const toSource = this.mac('source', 'v0');
    const toSink = this.mac('sink', 'v1');
    batch(node, [
      `addr add ${ADDRESS.nodeSource6}/64 dev v0 nodad`,
      `addr add ${ADDRESS.nodeSource4}/24 dev v0`,
      `addr add ${ADDRESS.nodeSink6}/64 dev v1 nodad`,
      `addr add ${ADDRESS.nodeSink4}/24 dev v1`,
      `neigh add ${ADDRESS.source6} lladdr ${toSource} dev v0`,
      `neigh add ${ADDRESS.source4} lladdr ${toSource} dev v0`,
      `neigh add ${ADDRESS.sink6} lladdr ${toSink} dev v1`,
      `neigh add ${ADDRESS.sink4} lladdr ${toSink} dev v1`,
      `route add ${ADDRESS.siteAtSink}/32 via ${ADDRESS.sink4}`,
      `route add ${ADDRESS.siteAtSource}/32 via ${ADDRESS.source4}`,
      `route add ${ADDRESS.web}/128 via ${ADDRESS.sink6}`,
      `route add blackhole ${ADDRESS.nowhere}/128`,
    ]);
  }

  /** The full name of `source`, `node` or `sink`. */
  namespace(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  /** Hardware address of an interface, twelve hex digits with colons. */
  mac(name: string, device: string): string {
    const [link] = JSON.parse(run('ip', '-n', this.namespace(name), '-json', 'link', 'show', device)) as { address: string }[];
    return link.address;
  }

  /** Packets that an interface has received. */
  received(name: string, device: string): number {
    const [link] = JSON.parse(run('ip', '-n', this.namespace(name), '-s', '-json', 'link', 'show', device)) as {
      stats64: { rx: { packets: number } };
    }[];
    return link.stats64.rx.packets;
  }

  /** Removes all of it. */
  remove(): void {
    for (const name of ['source', 'node', 'sink']) {
      try {
        run('ip', 'netns', 'del', this.namespace(name));
      } catch {}
    }
  }
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function batch(namespace: string, lines: readonly string[]): void {
  execFileSync('ip', ['-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n`, stdio: ['pipe', 'pipe', 'pipe'] });
}

function sysctl(namespace: string, ...settings: string[]): void {
  const script = settings.map((setting) => `echo ${setting.split('=')[1]} > /proc/sys/${setting.split('=')[0]}`).join('; ');
  run('ip', 'netns', 'exec', namespace, 'sh', '-c', script);
}
