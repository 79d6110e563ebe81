/** The keys that every `[[tunnel]]` has, those that several types share, and what a type of tunnel is. */
import * as z from 'zod';
import { NODE_SLOT } from '../core/counters.js';
import type { TunnelCommonConfig, TunnelConfig } from './config.js';
import type { Domain } from './domains.js';
import { keyDocs, optional, tableDocs } from './keys.js';
import type { KeyPath } from './problem.js';
import type { Findings, Read } from './read.js';
import * as value from './values.js';

/** Types of tunnel that this version has. */
export const TYPES = ['6to4', '6rd', 'isatap', 'teredo'] as const;

/** Tunnels in one node: the last row of the counters is the node's own. */
export const MOST_TUNNELS = NODE_SLOT;

/** The keys of every `[[tunnel]]`. */
export const tunnelKeys = {
  name: optional(value.label()).register(keyDocs, { about: 'Unique; the label in logs, metrics and status.', absent: '`<type>-<role>`' }),
  type: value.choice(TYPES).register(keyDocs, { about: 'The technology.' }),
  role: value.label('a role of the type').register(keyDocs, { about: 'What this node does in it.' }),
  interface: optional(value.interfaceName()).register(keyDocs, {
    about: 'The TUN device that is made. Name it where there are several tunnels, so that it does not depend on their order.',
    absent: '`tun<type>`, `tun<type>-2` and so on',
  }),
  local: optional(value.ipv4()).register(keyDocs, {
    about: 'Outer source; what is sent to it is decapsulated.',
    absent: 'the source address of the IPv4 default route',
    neededBy: ['relay', 'border-relay'],
  }),
  accept: z.array(value.ipv4()).prefault([]).register(keyDocs, { about: 'Further local IPv4 addresses that are decapsulated.' }),
  mtu: value.whole(1280, 65515).prefault(1280).register(keyDocs, {
    about: 'MTU of the tunnel interface (RFC 4213 section 3.2.1). 1480 fits an IPv4 path of 1500 unfragmented.',
    unit: 'octets',
  }),
  'path-mtu-discovery': value.flag().prefault(false).register(keyDocs, {
    about:
      'Learns the IPv4 path MTU of each endpoint and sends with DF set (RFC 4213 section 3.2.2). Otherwise DF is clear and IPv4 may fragment, as RFC 3056 section 4 wants of 6to4.',
  }),
  ttl: value.whole(1, 255).prefault(64).register(keyDocs, { about: 'Time to live of the outer header.', unit: 'hops' }),
  dscp: value.dscp().prefault(0).register(keyDocs, {
    about: 'DSCP of the outer header: one value for all packets, or a copy of the inner one (RFC 2983).',
  }),
  ecn: value.choice(['compatibility', 'normal']).prefault('compatibility').register(keyDocs, {
    about:
      'ECN of the outer header (RFC 6040 section 4.1): `compatibility` clears it, `normal` copies the inner one and is safe only where every decapsulator is known to hand congestion marks on.',
  }),
  'icmp-rate': value.whole(0, 1_000_000).prefault(1000).register(keyDocs, {
    about: 'Most ICMPv6 errors that the tunnel originates; 0 is none (RFC 4443 section 2.4 f).',
    unit: 'errors a second',
  }),
  configure: value.flag().prefault(true).register(keyDocs, {
    about: 'Whether addresses, link and routes are set by the daemon, and removed when it stops. False: it makes the device only.',
  }),
};

/** `[[tunnel.lan]]`. */
export const lanTable = z
  .strictObject({
    interface: value
      .interfaceName()
      .register(keyDocs, { about: 'The interface of the LAN. It gets an address and router advertisements.' }),
    subnet: value
      .whole(0, 65535)
      .register(keyDocs, { about: 'Number of the /64 in the delegated prefix: the SLA ID. Unique in the tunnel.' }),
  })
  .register(tableDocs, { about: 'A LAN behind this node: one /64 of its prefix.' });

/** LANs of a tunnel, as far as they could be read. */
export type ReadLans = Read<z.ZodArray<typeof lanTable>>;

/** LANs of one tunnel have subnets of their own, and are not tunnels. */
export function checkLans(lans: ReadLans | undefined, { path: tunnel, devices, findings }: Surroundings): void {
  const path = [...tunnel, 'lan'];
  const subnets = new Set<number>();
  lans?.forEach((lan, i) => {
    if (lan?.interface !== undefined && devices.has(lan.interface)) {
      findings.error([...path, i, 'interface'], `"${lan.interface}" is the interface of a tunnel`, 'the interface of a LAN');
    }
    if (lan?.subnet === undefined) return;
    if (subnets.has(lan.subnet)) findings.error([...path, i, 'subnet'], `${lan.subnet} is the subnet of another LAN`, 'one of its own');
    subnets.add(lan.subnet);
  });
}

/** A value may be in a list once; `path` is the list's. */
export function checkOnce<T>(list: readonly T[], format: (value: T) => string, path: KeyPath, findings: Findings): void {
  list.forEach((value, i) => {
    if (list.indexOf(value) < i) findings.error([...path, i], `${format(value)} is in the list already`, 'each once');
  });
}

/** What a tunnel is judged beside. */
export interface Surroundings {
  /** The tunnel's place in the file. */
  readonly path: KeyPath;
  /** The interfaces of all tunnels. */
  readonly devices: ReadonlySet<string | null>;
  /** `node.identity`; null when there is none, or it is wrong. */
  readonly identity: Uint8Array | null;
  readonly findings: Findings;
}

/** Where a tunnel in UDP hears. */
export interface UdpAddress {
  /** null: at the source address of the IPv4 default route. */
  readonly addr: number | null;
  /** 0: any that is free. */
  readonly port: number;
  /** The key that says so. */
  readonly key: string;
}

/** One type of tunnel. */
export interface TunnelType<T extends z.ZodObject = z.ZodObject> {
  /** Every key, those of all tunnels included. */
  readonly table: T;
  /** What the reference shows: valid files, a comment first. */
  readonly examples: readonly string[];
  /** Checks across keys of one tunnel; a key that was wrong is undefined. */
  check(values: Read<T>, surroundings: Surroundings): void;
  /** The prefix that it must have for itself in its node; null when there is none, or it cannot be told. */
  domain(values: Read<T>): Domain | null;
  /** UDP ports that it hears at, as far as they can be told; null: protocol 41 carries it. */
  udp(values: Read<T>): readonly UdpAddress[] | null;
  /** What the keys, all of them valid, become. */
  config(values: z.output<T>, common: TunnelCommonConfig): TunnelConfig;
}

/** Checks a description against its own table, then forgets which table it was. */
export function describe<T extends z.ZodObject>(type: TunnelType<T>): TunnelType {
  return type as unknown as TunnelType;
}
