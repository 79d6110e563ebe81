/** Two PCs on one LAN behind a NAT that does not hairpin, with a Teredo server outside: as data, for memory and for namespaces. */
import { type ConeName, NAT_KINDS } from '../src/core/nat.js';
import type { Topology, TopologyNode } from '../src/topology/topology.js';

const NOBODY = { en: '', ja: '' };
const POLICY = `
[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24"]
`;

/** The PCs. */
export const PCS = ['kanda', 'osaki'] as const;

function pc(name: string, address: string, keys: string): TopologyNode {
  return {
    name,
    title: NOBODY,
    interfaces: [{ name: 'eth0', link: 'home', addresses: [`${address}/24`] }],
    routes: [{ to: 'default4', via: '192.168.1.1' }],
    daemon: `
[[tunnel]]
type   = "teredo"
role   = "client"
server = "198.51.100.1"
${keys}
${POLICY}`,
  };
}

/** The network; `keys`: TOML of each client. */
export function teredoLan(keys: string, nat: ConeName = 'port-restricted-cone'): Topology {
  return {
    name: 'teredo-lan',
    title: NOBODY,
    nodes: [
      pc(PCS[0], '192.168.1.2', keys),
      pc(PCS[1], '192.168.1.3', keys),
      {
        name: 'nat',
        title: NOBODY,
        forwards: true,
        interfaces: [
          { name: 'eth0', link: 'home', addresses: ['192.168.1.1/24'] },
          { name: 'eth1', link: 'access', addresses: ['192.0.2.11/24'] },
        ],
        routes: [{ to: 'default4', via: '192.0.2.1' }],
        nat: { inside: 'eth0', outside: 'eth1', ...NAT_KINDS[nat] },
      },
      {
        name: 'mita',
        title: NOBODY,
        forwards: true,
        interfaces: [{ name: 'eth0', link: 'access', addresses: ['192.0.2.1/24', '198.51.100.1/32', '198.51.100.2/32'] }],
        daemon: `
[[tunnel]]
type      = "teredo"
role      = "server"
local     = "198.51.100.1"
secondary = "198.51.100.2"
${POLICY}`,
      },
    ],
    links: [{ name: 'home' }, { name: 'access', delay: 5 }],
    paths: [],
  };
}
