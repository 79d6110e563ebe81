/** ISATAP: RFC 5214, with RFC 4861 and 4191 over it. */
import type { Technology } from '../technology.js';
import { advertisements } from './advertisements.js';
import { checks } from './checks.js';
import { headers } from './headers.js';
import { neighbors } from './neighbors.js';
import { routers } from './routers.js';
import { sites } from './sites.js';
import { solicitations } from './solicitations.js';

export const isatap: Technology = {
  folder: 'isatap',
  cases: [...sites, ...checks, ...routers, ...headers, ...solicitations, ...advertisements, ...neighbors],
  reasons: [
    'truncated',
    'not_ipv6',
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
    'not_potential_router',
    'queue_full',
    'malformed_nd',
    'neighbor_unreachable',
    'tunnel_down',
  ],
  refusals: ['ISA-08', 'ISA-09', 'ISA-10', 'ISA-11', 'ISA-12', 'ISA-15', 'ISAH-09', 'ISAH-10', 'ISAH-16', 'ISAR-04', 'ISAR-08', 'SEC-08'],
  permissions: ['ISA-03', 'ISA-07', 'ISAH-12', 'ISAH-13'],
  remarks: [],
};
