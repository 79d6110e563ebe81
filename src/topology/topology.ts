/**
 * Networks as data: the same ones are built in namespaces by `lab/` and in memory by `sim/`.
 *
 * Addresses are text as an operator writes them. A link with two ends is a cable, with more a switch.
 */
import type { NatKind } from '../core/nat.js';

/** A word for a person, in both languages of the product. */
export interface Words {
  readonly en: string;
  readonly ja: string;
}

/** An interface of a node, plugged into a link. */
export interface TopologyInterface {
  readonly name: string;
  readonly link: string;
  /** `address/length`, IPv4 and IPv6. */
  readonly addresses?: readonly string[];
}

/** A static route. */
export interface TopologyRoute {
  /** `prefix/length` or `default4`, `default6`. */
  readonly to: string;
  readonly via: string;
  /** Lower wins; default 100. */
  readonly metric?: number;
}

/** A NAT between two interfaces of a machine: `{ inside: 'eth0', outside: 'eth1', ...NAT_KINDS['full-cone'] }`. */
export interface TopologyNat extends NatKind {
  /** Name of the interface to its private network. */
  readonly inside: string;
  /** Name of the interface whose IPv4 address it shows. */
  readonly outside: string;
  /** Whether hosts inside reach one another by their outside endpoints; default false, as with most at home. */
  readonly hairpin?: boolean;
  /** Life of an idle UDP session, seconds; default 300. */
  readonly timeout?: number;
}

/** A machine. */
export interface TopologyNode {
  readonly name: string;
  readonly title: Words;
  /** True when it forwards IPv4 and IPv6 between its interfaces. Default false. */
  readonly forwards?: boolean;
  readonly interfaces: readonly TopologyInterface[];
  readonly routes?: readonly TopologyRoute[];
  /** What it does to IPv4 on its way between two interfaces; it has to forward. */
  readonly nat?: TopologyNat;
  /** Interfaces on which it takes its address and default route from router advertisements. */
  readonly autoconfigures?: readonly string[];
  /** Configuration of the tunnel daemon that runs on it, TOML. `node.name`, `node.control` and `node.state` are filled in. */
  readonly daemon?: string;
  /** True when it passes packets on between a tunnel and IPv6 outside of it: a relay in the words of a path. Default false. */
  readonly relays?: boolean;
  /** A server that runs on it. */
  readonly serves?: 'web';
}

/** A cable or switch. Delay, loss and reordering exist in the simulator only. */
export interface TopologyLink {
  readonly name: string;
  /** Octets; default 1500. */
  readonly mtu?: number;
  /** One way, milliseconds; default 0. */
  readonly delay?: number;
  /** Share of packets that are lost, 0..1; default 0. */
  readonly loss?: number;
  /** Share of packets that are overtaken by the next one, 0..1; default 0. */
  readonly reorder?: number;
}

/** Something that must work: one node reaches another over IPv6. */
export interface TopologyPath {
  readonly from: string;
  readonly to: string;
  readonly title: Words;
  /** Whether relays carry it; then those in use are found and shown. */
  readonly relayed: boolean;
  /** By which tunnel packets of `from` come. Default `native`: by none. */
  readonly tunnel?: TunnelName;
}

/** Nodes that meet for the first time, each of some with each of others, as far as what lies between lets them. */
export interface TopologyMatrix {
  readonly title: Words;
  /** Who begins: the rows. */
  readonly from: readonly MatrixEnd[];
  /** With whom: the columns. */
  readonly to: readonly MatrixEnd[];
  /** Pairs of nodes that cannot reach each other: to fail is right. */
  readonly impossible: readonly (readonly [from: string, to: string])[];
}

/** A node in a matrix, and what it stands for. */
export interface MatrixEnd {
  readonly node: string;
  readonly title: Words;
}

/** A way into IPv6. */
export type TunnelName = '6to4' | '6rd' | 'isatap' | 'teredo' | 'native';

/** A network. */
export interface Topology {
  readonly name: string;
  readonly title: Words;
  /** A drawing in characters of one column each, for people in front of a terminal. */
  readonly picture?: string;
  /** What is to be seen in it, a few sentences. */
  readonly story?: Words;
  readonly nodes: readonly TopologyNode[];
  readonly links: readonly TopologyLink[];
  readonly paths: readonly TopologyPath[];
  readonly matrix?: TopologyMatrix;
}
