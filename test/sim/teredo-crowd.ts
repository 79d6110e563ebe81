/** Very many Teredo clients: ten homes behind each NAT, the four types by turns, and one server for all of them. */
import { type ConeName, NAT_KINDS } from '../../src/core/nat.js';
import type { Topology, TopologyLink, TopologyNode } from '../../src/topology/topology.js';
import { node, topologyOf } from './worlds.js';

/** Clients behind one NAT. */
const HOMES = 10;
const KINDS = Object.keys(NAT_KINDS) as ConeName[];
/** The range for benchmarks, RFC 2544, plays the Internet: it has room for all. */
const POLICY = '[policy]\nallow-ipv4 = ["198.18.0.0/15"]\n';
const SERVER = '198.19.255.1';
const SECOND = '198.19.255.2';
const CLIENT = `[[tunnel]]\ntype = "teredo"\nrole = "client"\nserver = ["${SERVER}"]\n${POLICY}`;

/** A NAT, number `n`, and the homes behind it. */
function neighbourhood(n: number): TopologyNode[] {
  const homes = Array.from({ length: HOMES }, (_, i) =>
    node(`home-${n}-${i}`, { eth0: [`lan-${n}`, `192.168.0.${10 + i}/24`] }, { default4: '192.168.0.1' }, { daemon: CLIENT }),
  );
  const nat = { inside: 'eth0', outside: 'eth1', ...NAT_KINDS[KINDS[n % KINDS.length]] };
  const interfaces = { eth0: [`lan-${n}`, '192.168.0.1/24'], eth1: ['wan', `198.18.${n >> 8}.${n & 0xff}/15`] };
  return [node(`nat-${n}`, interfaces, {}, { forwards: true, nat }), ...homes];
}

/** The network of `count` clients, in tens. */
export function crowd(count: number): Topology {
  const places = Array.from({ length: count / HOMES }, (_, n) => n + 1);
  const server = node(
    'server',
    { eth0: ['wan', `${SERVER}/15`, `${SECOND}/15`] },
    {},
    { daemon: `[[tunnel]]\ntype = "teredo"\nrole = "server"\nlocal = "${SERVER}"\nsecondary = "${SECOND}"\n${POLICY}` },
  );
  const links: TopologyLink[] = [{ name: 'wan', delay: 5 }, ...places.map((n) => ({ name: `lan-${n}` }))];
  return topologyOf([server, ...places.flatMap(neighbourhood)], links);
}
