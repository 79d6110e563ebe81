/** The configuration of Teredo, RFC 4380; secure qualification by its section 5.2.2. */
import * as z from 'zod';
import { formatIpv4 } from '../wire/address.js';
import { TEREDO_PORT } from '../wire/teredo.js';
import type { TeredoConfig, TeredoServerConfig } from './config.js';
import { keyDocs, optional, tableDocs } from './keys.js';
import type { Read } from './read.js';
import { checkOnce, describe, type Surroundings, tunnelKeys, type UdpAddress } from './tunnel-keys.js';
import * as value from './values.js';

/** Servers that a client knows: each that is silent is asked for twelve seconds. */
export const MOST_SERVERS = 8;
/** Octets of a client identifier: its length has one octet, RFC 4380 section 5.1.1. */
const MOST_IDENTIFIER = 255;
/** Octets of a secret: one that is shorter is guessed from a single packet. */
const LEAST_SECRET = 8;
const MOST_SECRET = 255;
/** The port of relays, as Miredo has it. */
const RELAY_PORT = 3545;
/** Seconds between two words with the server, where nothing else is known: RFC 4380 section 5.2. */
const REFRESH_INTERVAL = 30;
const MOST_PEERS = { client: 1000, server: 0, relay: 100_000 } as const;

const NOT_HERE = 'nothing';

/** `[[tunnel.client]]`. */
const clientTable = z
  .strictObject({
    identifier: value.octets(1, MOST_IDENTIFIER).register(keyDocs, {
      about: 'By what name the client shows itself. Unique in the tunnel.',
    }),
    secret: value.octets(LEAST_SECRET, MOST_SECRET).register(keyDocs, {
      about: 'What server and client share, and nobody else.',
    }),
  })
  .register(tableDocs, {
    about: 'A client in secure mode (RFC 4380 section 5.2.2). Where there is one, everybody else is refused.',
  });

const table = z
  .strictObject({
    ...tunnelKeys,
    role: value.choice(['client', 'server', 'relay']).register(keyDocs, {
      about:
        '`client`: this machine, behind a NAT. `server`: tells clients how they look from outside, and introduces them to others. `relay`: between Teredo and the IPv6 Internet.',
    }),
    interface: optional(value.interfaceName()).register(keyDocs, {
      about: 'The TUN device that is made. A server has none: what it passes on goes to the IPv6 stack of the host.',
      absent: '`tunteredo`, `tunteredo-2` and so on',
      roles: ['client', 'relay'],
    }),
    local: optional(value.ipv4()).register(keyDocs, {
      about: 'Address of the UDP sockets. That of a client or relay may be private.',
      absent: 'the source address of the IPv4 default route',
      neededBy: ['server'],
    }),
    secondary: optional(value.oneOrList(value.ipv4(), MOST_SERVERS)).register(keyDocs, {
      about:
        'Server: its other IPv4 address, by which clients tell whether their NAT is symmetric. Client: those of its servers, as many as in `server`, which then has no names.',
      absent: 'client: the address after that of each server',
      roles: ['client', 'server'],
      neededBy: ['server'],
    }),
    server: optional(value.oneOrList(value.addressOrName('teredo.example.org'), MOST_SERVERS)).register(keyDocs, {
      about: `Servers, the most wanted first: IPv4 addresses, and names that are asked of DNS. Of all addresses the first ${MOST_SERVERS} are used.`,
      absent: NOT_HERE,
      roles: ['client'],
      neededBy: ['client'],
    }),
    port: optional(value.whole(0, 65535)).register(keyDocs, {
      about: `UDP port of the service; 0 is any that is free. That of a server is ${TEREDO_PORT}.`,
      absent: `\`0\` in a client, \`${RELAY_PORT}\` in a relay`,
      roles: ['client', 'relay'],
    }),
    'refresh-interval': value
      .wholeOr(5, 300, 'auto')
      .prefault(REFRESH_INTERVAL)
      .register(keyDocs, {
        about: `Seconds between two words with the server, less than the NAT remembers (RFC 4380 section 5.2). \`auto\`: ${REFRESH_INTERVAL}, and up to 119 once the NAT has shown that it remembers so long, which takes ten minutes (section 5.2.7).`,
        roles: ['client'],
      }),
    'local-discovery': value
      .flag()
      .prefault(false)
      .register(keyDocs, {
        about:
          'Whether clients on the same subnet are told of this one by multicast, and reached directly without any help of a server (RFC 4380 section 5.2.8). Whoever else is there hears it, too, and may lie: for networks whose users trust each other.',
        roles: ['client'],
      }),
    'port-mapping': value
      .flag()
      .prefault(false)
      .register(keyDocs, {
        about:
          'Whether the gateway is asked, by PCP, NAT-PMP or UPnP, to lead a port of its own to this client (RFC 6081 section 5.3): then clients behind most NATs reach it. It waits some seconds for that before it begins. Whoever is on the network can play the gateway, and nobody proves to be it; so it is asked only where that is wanted.',
        roles: ['client'],
      }),
    identifier: optional(value.octets(1, MOST_IDENTIFIER)).register(keyDocs, {
      about: 'Secure mode: by what name the servers know the client.',
      absent: 'no secure mode',
      roles: ['client'],
    }),
    secret: optional(value.octets(LEAST_SECRET, MOST_SECRET)).register(keyDocs, {
      about: 'Secure mode: what servers and client share.',
      absent: 'no secure mode',
      roles: ['client'],
    }),
    'max-peers': optional(value.whole(1, 1_000_000)).register(keyDocs, {
      about: 'Most peers that state is kept of; a server keeps none.',
      absent: `\`${MOST_PEERS.client}\` in a client, \`${MOST_PEERS.relay}\` in a relay`,
      roles: ['client', 'relay'],
    }),
    prefix: value.globalPrefix32().prefault('2001::/32').register(keyDocs, {
      about: 'What all Teredo addresses begin with. Another one is for labs: everybody has to have the same.',
    }),
    mtu: value.whole(1280, 1280, 'RFC 4380 section 5.1.2').prefault(1280).register(keyDocs, {
      about: 'MTU of the tunnel interface: there is no other in Teredo.',
      unit: 'octets',
    }),
    dscp: value.whole(0, 63).prefault(0).register(keyDocs, {
      about: 'DSCP of the outer header; a copy of the inner one there is not in UDP.',
    }),
    accept: value.refused<readonly number[]>([]).register(keyDocs, {
      about: 'Refused: Teredo has one address for all it does.',
      absent: NOT_HERE,
    }),
    ecn: value.refused('compatibility' as const).register(keyDocs, {
      about: 'Refused: the socket clears the ECN of the outer header, as `compatibility` does.',
      absent: NOT_HERE,
    }),
    'path-mtu-discovery': value.refused(false).register(keyDocs, {
      about: 'Refused: DF is clear (RFC 4380 section 5.1.2).',
      absent: NOT_HERE,
    }),
    client: z.array(clientTable).register(keyDocs, { about: 'The clients that a server takes.', roles: ['server'] }),
  })
  .register(tableDocs, {
    about: 'Teredo, RFC 4380 with RFC 5991 and RFC 6081: IPv6 in UDP, from behind NATs.',
  });

type ReadTeredo = Read<typeof table>;

/** See {@link TunnelType}. */
export const teredo = describe({
  table,

  examples: [
    `# A PC behind a NAT, with two servers to choose from.
[[tunnel]]
type   = "teredo"
role   = "client"
server = ["192.0.2.1", "198.51.100.1"]
`,
    `# A server, its two addresses on an interface of the host.
[[tunnel]]
type      = "teredo"
role      = "server"
local     = "192.0.2.1"
secondary = "192.0.2.2"
`,
    `# A relay between Teredo and the IPv6 Internet, which has to route 2001::/32 here.
[[tunnel]]
type  = "teredo"
role  = "relay"
local = "203.0.113.1"
`,
  ],

  check(values, surroundings) {
    if (values.role === 'client') checkClient(values, surroundings);
    if (values.role === 'server') checkServer(values, surroundings);
  },

  /** Any number of tunnels are in the one domain there is. */
  domain: () => null,

  udp({ role, local, secondary, port }) {
    if (role === undefined || local === undefined || port === undefined) return [];
    if (role !== 'server') return [{ addr: local, port: portOf(role, port), key: port === null ? 'local' : 'port' }];
    const own: UdpAddress = { addr: local, port: TEREDO_PORT, key: 'local' };
    return [own, ...(secondary ?? []).map((addr) => ({ addr, port: TEREDO_PORT, key: 'secondary' }))];
  },

  config(values, common): TeredoConfig {
    const { role, prefix, identifier, secret } = values;
    const isServer = role === 'server';
    return {
      ...common,
      type: 'teredo',
      role,
      prefix,
      port: portOf(role, values.port),
      servers: serversOf(values.server ?? [], values.secondary),
      secondary: isServer ? (values.secondary?.[0] ?? null) : null,
      keys: identifier === null || secret === null ? values.client : [{ identifier, secret }],
      refreshInterval: values['refresh-interval'] === 'auto' ? REFRESH_INTERVAL : values['refresh-interval'],
      searchesInterval: values['refresh-interval'] === 'auto',
      portMapping: values['port-mapping'],
      localDiscovery: values['local-discovery'],
      maxPeers: values['max-peers'] ?? MOST_PEERS[role],
      lans: [],
    };
  },
});

function portOf(role: TeredoConfig['role'], port: number | null): number {
  if (role === 'server') return TEREDO_PORT;
  return port ?? (role === 'relay' ? RELAY_PORT : 0);
}

/** Each server with its other address: what is written, or the one after it, which most servers have. Names stay what they are. */
function serversOf(servers: readonly (number | string)[], secondary: readonly number[] | null): TeredoConfig['servers'] {
  return servers.map((server, i) => (typeof server === 'string' ? server : serverAt(server, secondary?.[i])));
}

/** The server at `primary`. */
export function serverAt(primary: number, secondary = (primary + 1) >>> 0): TeredoServerConfig {
  return { primary, secondary };
}

function checkClient({ server, secondary, identifier, secret }: ReadTeredo, { path, findings }: Surroundings): void {
  checkOnce(server ?? [], (one) => (typeof one === 'number' ? formatIpv4(one) : `"${one}"`), [...path, 'server'], findings);
  if (server != null && secondary != null) {
    if (secondary.length !== server.length)
      findings.error([...path, 'secondary'], `has ${secondary.length} for ${server.length} in "server"`, 'one for each');
    server.forEach((one, i) => {
      if (typeof one === 'string')
        findings.error([...path, 'server', i], `"${one}" is a name, whose addresses cannot be told beside "secondary"`, 'an IPv4 address');
    });
    secondary.forEach((addr, i) => {
      if (addr === server[i])
        findings.error([...path, 'secondary', i], `${formatIpv4(addr)} is the server itself`, 'another address of the same server');
    });
  }
  if (identifier === null && secret != null) findings.error([...path, 'identifier'], 'is missing beside "secret"', 'both or neither');
  if (secret === null && identifier != null) findings.error([...path, 'secret'], 'is missing beside "identifier"', 'both or neither');
}

function checkServer({ local, secondary, client }: ReadTeredo, { path, findings }: Surroundings): void {
  if (secondary != null && secondary.length !== 1)
    findings.error([...path, 'secondary'], `has ${secondary.length} elements`, 'one address in a server');
  if (local != null && secondary?.[0] === local)
    findings.error([...path, 'secondary'], `${formatIpv4(local)} is "local" already`, 'another address of this host');
  const names = new Set<string>();
  client?.forEach((one, i) => {
    if (one?.identifier === undefined) return;
    const name = one.identifier.join();
    if (names.has(name)) findings.error([...path, 'client', i, 'identifier'], 'is that of another client', 'one of its own');
    names.add(name);
  });
}
