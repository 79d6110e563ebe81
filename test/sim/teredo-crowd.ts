/** Very many Teredo clients: ten homes behind each NAT, the four types by turns, and a server for each thousand of them: all ask at once. */
import { type ConeName, NAT_KINDS } from '../../src/core/nat.js';
import type { Topology, TopologyLink, TopologyNode } from '../../src/topology/topology.js';
import { node, topologyOf } from './worlds.js';

/** Clients behind one NAT. */
const HOMES = 10;
const KINDS = Object.keys(NAT_KINDS) as ConeName[];
/** The range for benchmarks, RFC 2544, plays the Internet: it has room for all. */
const POLICY = '[policy]\nallow-ipv4 = ["198.18.0.0/15"]\n';
/** Clients of one server: as many questions as its socket holds. */
const CLIENTS = 1_000;
const serverAddress = (n: number, last: number) => `198.19.${n}.${last}`;

/** Server number `n`. */
function server(n: number): TopologyNode {
  const [primary, secondary] = [serverAddress(n, 1), serverAddress(n, 2)];
  const daemon = `[[tunnel]]\ntype = "teredo"\nrole = "server"\nlocal = "${primary}"\nsecondary = "${secondary}"\n${POLICY}`;
  return node(`server-${n}`, { eth0: ['wan', `${primary}/15`, `${secondary}/15`] }, {}, { daemon });
}

/** A NAT, number `n`, and the homes behind it. */
function neighbourhood(n: number): TopologyNode[] {
  const daemon = `[[tunnel]]\ntype = "teredo"\nrole = "client"\nserver = ["${serverAddress(Math.floor((n * HOMES) / CLIENTS), 1)}"]\n${POLICY}`;
  const homes = Array.from({ length: HOMES }, (_, i) =>
    node(`home-${n}-${i}`, { eth0: [`lan-${n}`, `192.168.0.${10 + i}/24`] }, { default4: '192.168.0.1' }, { daemon }),
  );
  const nat = { inside: 'eth0', outside: 'eth1', ...NAT_KINDS[KINDS[n % KINDS.length]] };
  const interfaces = { eth0: [`lan-${n}`, '192.168.0.1/24'], eth1: ['wan', `198.18.${n >> 8}.${n & 0xff}/15`] };
  return [node(`nat-${n}`, interfaces, {}, { forwards: true, nat }), ...homes];
}

/** The network of `count` clients, in thousands. */
export function crowd(count: number): Topology {
  const places = Array.from({ length: count / HOMES }, (_, n) => n);
  const servers = Array.from({ length: count / CLIENTS }, (_, n) => server(n));
  const links: TopologyLink[] = [{ name: 'wan', delay: 5 }, ...places.map((n) => ({ name: `lan-${n}` }))];
  return topologyOf([...servers, ...places.flatMap(neighbourhood)], links);
}
