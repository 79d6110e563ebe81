/** Teredo: RFC 4380, with RFC 5991 and RFC 6081 over it. */
import { rowsOf, type Technology } from '../technology.js';
import { encapsulation } from './encapsulation.js';
import { nearby } from './nearby.js';
import { peers } from './peers.js';
import { qualifications } from './qualification.js';
import { relays } from './relay.js';
import { servers } from './server.js';

export const teredo: Technology = {
  folder: 'teredo',
  cases: [...encapsulation, ...servers, ...relays, ...qualifications, ...peers, ...nearby],
  // A rate that is used up takes more packets than a vector has.
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
    'untrusted_peer',
    'queue_full',
    'malformed_teredo',
    'nonce_mismatch',
    'source_routing',
    'tunnel_down',
    'malformed_nd',
    'neighbor_unreachable',
    'not_relayed',
    'unauthenticated',
    'foreign_server',
  ],
  refusals: [
    ...rowsOf('TRDO-SV', 12, [1, 6, 11]),
    ...['TRDO-RL-02', 'TRDO-RL-03', 'TRDO-RL-08', 'TRDO-RL-10', 'TRDO-RL-13', 'TRDO-RL-18'],
    ...rowsOf('TRDO-EN', 11, [1]),
    ...['TRDO-EN-21', 'TRDO-EN-23', 'TRDO-AD-08', 'TRDO-AD-11', 'TRDO-AD-12', 'TRDO-AD-13'],
    ...['TRDO-CL-09', 'TRDO-CL-10', 'TRDO-CL-11', 'TRDO-CL-20', 'TRDO-CL-23', 'TRDO-CL-24', 'TRDO-CL-25', 'TRDO-CL-26'],
    ...['TRDO-CL-44', 'TRDO-CL-45', 'TRDO-CL-47', 'TRDO-CL-61', 'TRDO-CL-63', 'TRDO-CL-64'],
    ...['TRDO-EX-06', 'TRDO-EX-23', 'TRDO-EX-24', 'TRDO-EX-25'],
  ],
  permissions: [
    'TRDO-AD-03',
    'TRDO-EN-07',
    'TRDO-EN-09',
    'TRDO-EN-10',
    'TRDO-EN-13',
    'TRDO-EN-21',
    'TRDO-SV-11',
    'TRDO-SV-30',
    'TRDO-RL-14',
  ],
  remarks: [],
};
