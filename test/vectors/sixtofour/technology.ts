/** 6to4: RFC 3056, 3068, 3964, 6343. */
import { rowsOf, type Technology } from '../technology.js';
import { checks } from './checks.js';
import { congestion } from './congestion.js';
import { headers } from './headers.js';
import { pathMtu } from './path-mtu.js';
import { sites } from './sites.js';
import { specialAddresses } from './special-addresses.js';

export const sixToFour: Technology = {
  folder: '6to4',
  cases: [...sites, ...checks, ...specialAddresses, ...headers, ...pathMtu, ...congestion],
  reasons: [
    'truncated',
    'not_ipv6',
    'bad_ipv4_header',
    'not_local',
    'source_mismatch',
    'destination_mismatch',
    'special_ipv4',
    'special_ipv6',
    'no_endpoint',
    'loop',
    'hop_limit',
    'too_big',
    'ecn_congestion',
    'source_routing',
    'tunnel_down',
  ],
  // Silence, a switch and counters are no octets; the twentieth lets 192.88.99.1 pass.
  refusals: rowsOf('6CHK', 29, [20, 26, 27, 28]),
  permissions: ['6CHK-20'],
  // A routing header that nobody follows any more, and a TTL that was asked for.
  remarks: ['Routing header type is deprecated', '"Time To Live" only 1'],
};
