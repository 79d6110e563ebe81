/**
 * `/metrics`: the counter rows as Prometheus reads them.
 *
 * Nothing is counted twice and nothing is paid per packet: on each scrape a metric is emptied and
 * filled from the rows. Packets that reached the node and none of its tunnels carry `tunnel=""`.
 */
import { DIRECTIONS, Direction, type DirectionName, drops, ICMP_KINDS, icmpEvents, NODE_SLOT, octets, packets } from '../core/counters.js';
import { DROPS } from '../core/drop.js';
import type { ServiceView } from './status.js';
import { detailsOf } from './status-details.js';

type Labels = Readonly<Record<string, string>>;
type Emit = (labels: Labels, value: number) => void;

/** One metric: its words, and how it is read. */
export interface Metric {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  /** Emits each series once. */
  read(view: ServiceView, emit: Emit): void;
}

/** Every metric there is, in the order of the page. */
export const METRICS: readonly Metric[] = [
  {
    name: 'tsunagi_packets_total',
    kind: 'counter',
    help: 'Inner IPv6 packets that went through a tunnel.',
    labels: ['tunnel', 'direction', 'path'],
    read: (view, emit) => {
      for (const { name, slot, direction, path, rows } of ways(view)) {
        emit({ tunnel: name, direction, path }, packets(rows, slot, Direction[direction]));
      }
    },
  },
  {
    name: 'tsunagi_octets_total',
    kind: 'counter',
    help: 'Octets of the inner IPv6 packets that went through a tunnel, their IPv6 header included.',
    labels: ['tunnel', 'direction', 'path'],
    read: (view, emit) => {
      for (const { name, slot, direction, path, rows } of ways(view)) {
        emit({ tunnel: name, direction, path }, octets(rows, slot, Direction[direction]));
      }
    },
  },
  {
    name: 'tsunagi_dropped_packets_total',
    kind: 'counter',
    help: 'Packets that were dropped, by the one check that dropped them.',
    labels: ['tunnel', 'direction', 'path', 'reason'],
    read: ({ node, rows }, emit) => {
      for (const { name, slot } of [...node.tunnels, { name: '', slot: NODE_SLOT }]) {
        for (const direction of DIRECTIONS) {
          for (const { name: reason, code } of DROPS) {
            emit({ tunnel: name, direction, path: 'worker', reason }, drops(rows, slot, Direction[direction], code));
          }
        }
      }
    },
  },
  {
    name: 'tsunagi_icmp_errors_total',
    kind: 'counter',
    help: 'ICMP errors that a tunnel sent, held back, or received about its outer packets.',
    labels: ['tunnel', 'kind'],
    read: ({ node, rows }, emit) => {
      for (const { name, slot } of node.tunnels) {
        for (const [i, kind] of ICMP_KINDS.entries()) emit({ tunnel: name, kind }, icmpEvents(rows, slot, i));
      }
    },
  },
  {
    name: 'tsunagi_teredo_peers',
    kind: 'gauge',
    help: 'Peers that a Teredo client or relay keeps state of.',
    labels: ['tunnel'],
    read: (view, emit) => {
      for (const tunnel of view.node.tunnels) {
        const { teredo } = detailsOf(tunnel, view);
        if (teredo !== undefined && 'peers' in teredo) emit({ tunnel: tunnel.name }, teredo.peers);
      }
    },
  },
  {
    name: 'tsunagi_tunnel_up',
    kind: 'gauge',
    help: 'Whether a tunnel can carry packets: 1, or 0 while it has no usable address or interface.',
    labels: ['tunnel'],
    read: ({ node }, emit) => {
      for (const { name, down } of node.tunnels) emit({ tunnel: name }, down === null ? 1 : 0);
    },
  },
  {
    name: 'tsunagi_fastpath_passed_packets_total',
    kind: 'counter',
    help: 'Frames that the fast path left to the host and its packet threads, by reason.',
    labels: ['reason'],
    read: ({ fastpath }, emit) => {
      for (const [reason, count] of fastpath.passed) emit({ reason }, count);
    },
  },
  {
    name: 'tsunagi_fastpath_info',
    kind: 'gauge',
    help: 'Always 1; the labels say in which mode the fast path runs, and why it is not all that it could be.',
    labels: ['mode', 'reason'],
    read: ({ fastpath: { mode, reason } }, emit) => emit({ mode, reason: reason ?? '' }, 1),
  },
  {
    name: 'tsunagi_build_info',
    kind: 'gauge',
    help: 'Always 1; the label says which version runs.',
    labels: ['version'],
    read: ({ version }, emit) => emit({ version }, 1),
  },
];

/** A tunnel, a direction, and which tier moved the packets: a tunnel that the fast path does not know has one. */
interface Way {
  readonly name: string;
  readonly slot: number;
  readonly direction: DirectionName;
  readonly path: 'worker' | 'xdp';
  readonly rows: readonly Float64Array[];
}

function ways({ node, rows, fastpath }: ServiceView): Way[] {
  return node.tunnels.flatMap(({ name, slot }) => {
    const fast = fastpath.tunnels.some((tunnel) => tunnel.name === name) ? [{ path: 'xdp' as const, rows: [fastpath.row] }] : [];
    const paths = [{ path: 'worker' as const, rows }, ...fast];
    return DIRECTIONS.flatMap((direction) => paths.map((path) => ({ name, slot, direction, ...path })));
  });
}

/** A page that can be scraped. */
export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Opens the page over a view that stays current. */
export async function openMetrics(view: ServiceView): Promise<MetricsPage> {
  // Loaded here and not before: a service that nobody scrapes starts without it.
  const { Counter, Gauge, Registry } = (await import('prom-client')).default;
  const registry = new Registry();
  // Looked at once a page: all series are of one moment.
  let now = view;
  for (const { name, kind, help, labels, read } of METRICS) {
    const common = { name, help, labelNames: [...labels], registers: [registry] };
    if (kind === 'counter') {
      new Counter({
        ...common,
        collect() {
          this.reset();
          read(now, (series, value) => this.inc(series, value));
        },
      });
    } else {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          read(now, (series, value) => this.set(series, value));
        },
      });
    }
  }
  const text = (): Promise<string> => {
    now = { ...view };
    return registry.metrics();
  };
  return { contentType: registry.contentType, text };
}
