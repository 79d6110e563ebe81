/** Very many Teredo clients. One in ten has nine neighbours behind its NAT, the four types by turns; the others have an address of their own. All ask at once. */
import { type ConeName, NAT_KINDS } from '../../src/core/nat.js';
import type { Topology, TopologyLink, TopologyNode } from '../../src/topology/topology.js';
import { node, topologyOf } from './worlds.js';

/** Clients in one neighbourhood, and neighbourhoods of which one is behind a NAT: what a NAT does costs the simulator as much as a client. */
const HOMES = 10;
const NAT_EVERY = 10;
const KINDS = Object.keys(NAT_KINDS) as ConeName[];
/** The range for benchmarks, RFC 2544, plays the Internet: it has room for all. */
const POLICY = '[policy]\nallow-ipv4 = ["198.18.0.0/15"]\n';
/** Clients of one server: as many questions as its socket holds. */
const CLIENTS = 1_000;
const clientOf = (server: string) => `[[tunnel]]\ntype = "teredo"\nrole = "client"\nserver = ["${server}"]\n${POLICY}`;
const serverAddress = (n: number, last: number) => `198.19.${n}.${last}`;

/** Server number `n`. */
function server(n: number): TopologyNode {
  const [primary, secondary] = [serverAddress(n, 1), serverAddress(n, 2)];
  const daemon = `[[tunnel]]\ntype = "teredo"\nrole = "server"\nlocal = "${primary}"\nsecondary = "${secondary}"\n${POLICY}`;
  return node(`server-${n}`, { eth0: ['wan', `${primary}/15`, `${secondary}/15`] }, {}, { daemon });
}

/** The address number `n` on the Internet. */
const outside = (n: number) => `198.18.${n >> 8}.${n & 0xff}/15`;

/** Homes, from number `first` on, of the clients of `daemon`. */
function homes(first: number, daemon: string): TopologyNode[] {
  return Array.from({ length: HOMES }, (_, i) =>
    node(`home-${first + i}`, { eth0: ['wan', outside(first + i)] }, { default4: serverAddress(0, 1) }, { daemon }),
  );
}

/** The same behind a NAT. */
function homesBehindNat(first: number, daemon: string, kind: ConeName): TopologyNode[] {
  const lan = `lan-${first}`;
  const nat = { inside: 'eth0', outside: 'eth1', ...NAT_KINDS[kind] };
  const interfaces = { eth0: [lan, '192.168.0.1/24'], eth1: ['wan', outside(first)] };
  const inside = Array.from({ length: HOMES }, (_, i) =>
    node(`home-${first + i}`, { eth0: [lan, `192.168.0.${10 + i}/24`] }, { default4: '192.168.0.1' }, { daemon }),
  );
  return [node(`nat-${first}`, interfaces, {}, { forwards: true, nat }), ...inside];
}

/** The network of `count` clients, in thousands. */
export function crowd(count: number): Topology {
  const servers = Array.from({ length: count / CLIENTS }, (_, n) => server(n));
  const nodes: TopologyNode[] = [];
  const links: TopologyLink[] = [{ name: 'wan', delay: 5 }];
  for (let first = 0; first < count; first += HOMES) {
    const daemon = clientOf(serverAddress(Math.floor(first / CLIENTS), 1));
    const n = first / HOMES;
    if (n % NAT_EVERY !== 0) nodes.push(...homes(first, daemon));
    else {
      nodes.push(...homesBehindNat(first, daemon, KINDS[(n / NAT_EVERY) % KINDS.length]));
      links.push({ name: `lan-${first}` });
    }
  }
  return topologyOf([...servers, ...nodes], links);
}
