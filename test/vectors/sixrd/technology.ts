/** 6rd: RFC 5969, 7084. */
import { rowsOf, type Technology } from '../technology.js';
import { checks } from './checks.js';
import { domains } from './domains.js';
import { headers } from './headers.js';
import { sites } from './sites.js';

export const sixRd: Technology = {
  folder: '6rd',
  cases: [...sites, ...domains, ...checks, ...headers],
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
    'nonce_mismatch',
    'tunnel_down',
  ],
  refusals: ['6RD-16', '6RD-17', '6RD-19', '6RDCE-14', '6RDCE-15', '6RDCE-17', '6RDCE-18', ...rowsOf('6RDBR', 11, [1, 2, 3, 4, 7])],
  permissions: ['6RD-09', '6RD-10', '6RD-11', '6RD-18', '6RDCE-06', '6RDCE-13', '6RDBR-07', '6RDBR-12'],
  remarks: [],
};
