/**
 * What each type of tunnel adds to a `[[tunnel]]`: its roles, its keys, its own checks, and what
 * they become. A further technology is one more entry of `TUNNEL_TYPES`.
 */
import * as z from 'zod';
import { NODE_SLOT } from '../core/counters.js';
import type { SixToFourConfig, TunnelCommonConfig, TunnelConfig } from './config.js';
import { keyDocs, optional, tableDocs } from './keys.js';
import type { KeyPath } from './problem.js';
import { type Findings, type Read, vary } from './read.js';
import * as value from './values.js';

/** Types of tunnel that this version has. */
export const TYPES = ['6to4'] as const;
/** Types of the contract that are still to come. */
const PLANNED_TYPES = ['6rd', 'isatap', 'teredo'] as const;

/** Tunnels in one node: the last row of the counters is the node's own. */
export const MOST_TUNNELS = NODE_SLOT;

/** The keys of every `[[tunnel]]`. */
export const tunnelKeys = {
  name: optional(value.label()).register(keyDocs, { about: 'Unique; the label in logs, metrics and status.', absent: '`<type>-<role>`' }),
  type: value.choice(TYPES, PLANNED_TYPES).register(keyDocs, { about: 'The technology. `6rd`, `isatap` and `teredo` are still to come.' }),
  role: value.label('a role of the type').register(keyDocs, { about: 'What this node does in it.' }),
  interface: optional(value.interfaceName()).register(keyDocs, {
    about: 'The TUN device that is made. Name it where there are several tunnels, so that it does not depend on their order.',
    absent: '`tun<type>`, `tun<type>-2` and so on',
  }),
  local: optional(value.ipv4()).register(keyDocs, {
    about: 'Outer source; what is sent to it is decapsulated.',
    absent: 'the source address of the IPv4 default route',
    neededBy: ['relay'],
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
  .register(tableDocs, { about: 'A LAN behind a router: one /64 of its prefix.' });

/** LANs of one tunnel have subnets of their own, and are not tunnels. */
function checkLans(lans: Read<z.ZodArray<typeof lanTable>>, path: KeyPath, devices: ReadonlySet<string | null>, findings: Findings): void {
  const subnets = new Set<number>();
  lans.forEach((lan, i) => {
    if (lan?.interface !== undefined && devices.has(lan.interface)) {
      findings.error([...path, i, 'interface'], `"${lan.interface}" is the interface of a tunnel`, 'the interface of a LAN');
    }
    if (lan?.subnet === undefined) return;
    if (subnets.has(lan.subnet)) findings.error([...path, i, 'subnet'], `${lan.subnet} is the subnet of another LAN`, 'one of its own');
    subnets.add(lan.subnet);
  });
}

/** One type of tunnel. */
export interface TunnelType<T extends z.ZodObject = z.ZodObject> {
  /** Every key, those of all tunnels included. */
  readonly table: T;
  /** Checks across keys of one tunnel; a key that was wrong is undefined. `devices` are the interfaces of all tunnels. */
  check(values: Read<T>, path: KeyPath, devices: ReadonlySet<string | null>, findings: Findings): void;
  /** What the keys, all of them valid, become. */
  config(values: z.output<T>, common: TunnelCommonConfig): TunnelConfig;
}

/** RFC 3056; relays by anycast, RFC 3068. */
const sixToFour = describe({
  table: z
    .strictObject({
      ...tunnelKeys,
      role: value.choice(['host', 'router', 'relay']).register(keyDocs, {
        about: '`host`: this machine only. `router`: the LANs behind it too. `relay`: between 6to4 and the IPv6 Internet.',
      }),
      relay: value
        .ipv4OrNone()
        .prefault('192.88.99.1')
        .register(keyDocs, {
          about: 'Relay for destinations outside 2002::/16. `"none"`: 6to4 sites only, and no default route.',
          roles: ['host', 'router'],
        }),
      'interface-id': value
        .interfaceId()
        .prefault('linux')
        .register(keyDocs, {
          about: "Interface identifier of the node's own address: `linux` is `::1`, `windows` is `::<IPv4>`, or eight octets.",
          roles: ['host', 'router'],
        }),
      lan: z.array(lanTable).register(keyDocs, { about: 'The LANs behind the router.', roles: ['router'] }),
    })
    .register(tableDocs, { about: '6to4, RFC 3056: the prefix 2002:V4ADDR::/48 of an IPv4 address.' }),

  check(values, path, devices, findings) {
    const { role, relay, local, accept } = values;
    const sendsToRelay = role !== 'relay' && relay != null;
    if (sendsToRelay && (relay === local || accept?.includes(relay))) {
      findings.error([...path, 'relay'], 'is an address of the tunnel itself', 'the address of another node, or "none"');
    }
    checkLans(values.lan ?? [], [...path, 'lan'], devices, findings);
  },

  config(values, common): SixToFourConfig {
    return {
      ...common,
      type: '6to4',
      role: values.role,
      relay: values.role === 'relay' ? null : values.relay,
      interfaceId: values['interface-id'],
      lans: values.lan,
    };
  },
});

/** The types of this version. */
export const TUNNEL_TYPES: Readonly<Record<(typeof TYPES)[number], TunnelType>> = { '6to4': sixToFour };

/** A `[[tunnel]]` whose type is not known: what all types share is read, the rest cannot be judged. */
export const tunnelTable = z
  .looseObject(tunnelKeys)
  .register(tableDocs, { about: `One tunnel, of at most ${MOST_TUNNELS}. All types have these keys.` });

vary(tunnelTable, 'type', new Map(TYPES.map((type) => [type, TUNNEL_TYPES[type].table])));

/** Checks a description against its own table, then forgets which table it was. */
function describe<T extends z.ZodObject>(type: TunnelType<T>): TunnelType {
  return type as unknown as TunnelType;
}
