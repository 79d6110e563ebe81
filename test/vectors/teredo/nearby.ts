/** RFC 4380 section 5.2.8 and what of sections 5.2.3 and 5.2.4 goes with it: clients on one subnet; frame 15. */
import { datagram, echoRequest } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { bubble, payloadOf, teredo } from './messages.js';
import { CLIENT, client, INSIDE, PEER, PRIMARY, QUALIFIED, WEB } from './nodes.js';

/** Another client behind the same NAT, which has it at port 40001, and where it is inside. */
const NEAR = teredo(PRIMARY, '192.0.2.45:40001', 0x2057);
const NEAR_AT = '192.168.1.11:4096';
const looking = client('local-discovery = true');
/** F15: what a client says to the group. */
const here = (src = NEAR) => bubble(src, 'ff02::1', 1);
const toGroup = (from: string, payload: Uint8Array) => datagram(from, '224.0.0.253:3544', payload, { ttl: 1 });
const announcement = { to: 'v4' as const, octets: toGroup(INSIDE, payloadOf('teredo_local_discovery')) };
const asked = { to: 'v4' as const, octets: datagram(INSIDE, NEAR_AT, bubble(CLIENT, NEAR)) };
/** The client has heard the other. */
const INFORMED = [...QUALIFIED, { from: 'v4' as const, in: toGroup(NEAR_AT, here()) }];

/** All of them. */
export const nearby: readonly VectorCase[] = [
  {
    name: 'f15-a-client-says-where-it-is',
    rfc: 'RFC 4380 5.2.8',
    rows: ['TRDO-CL-60'],
    config: looking,
    chance: 0,
    state: [QUALIFIED[0]],
    ...QUALIFIED[1],
    consumed: true,
    answers: [announcement],
  },
  {
    name: 'teredo-client-answers-one-that-says-where-it-is',
    rfc: 'RFC 4380 5.2.3',
    rows: ['TRDO-CL-33'],
    config: looking,
    chance: 0,
    state: QUALIFIED,
    from: 'v4',
    in: toGroup(NEAR_AT, here()),
    consumed: true,
    answers: [asked],
  },
  {
    name: 'teredo-client-looks-nearby-first',
    rfc: 'RFC 4380 5.2.4',
    rows: ['TRDO-CL-40'],
    config: looking,
    chance: 0,
    state: INFORMED,
    from: 'v6',
    in: echoRequest({ src: CLIENT, dst: NEAR }),
    held: true,
    answers: [announcement, asked],
  },
  {
    name: 'teredo-client-receives-from-one-nearby',
    rfc: 'RFC 4380 5.2.3',
    rows: ['TRDO-CL-34'],
    config: looking,
    chance: 0,
    state: INFORMED,
    from: 'v4',
    in: datagram(NEAR_AT, INSIDE, echoRequest({ src: NEAR, dst: CLIENT })),
    out: echoRequest({ src: NEAR, dst: CLIENT }),
  },
  ...(
    [
      ['from-another-subnet', '192.168.2.11:4096', here(), 'untrusted_peer', 'CL-61'],
      ['of-a-client-behind-another-nat', NEAR_AT, here(PEER), 'untrusted_peer', 'CL-62'],
      ['of-a-native-host', NEAR_AT, here(WEB), 'source_mismatch', 'CL-61'],
      ['of-a-client-at-a-private-address', NEAR_AT, here(teredo(PRIMARY, '192.168.1.11:4096')), 'special_ipv4', 'CL-61'],
      ['for-one-client', NEAR_AT, bubble(NEAR, CLIENT), 'destination_mismatch', 'CL-61'],
    ] as const
  ).map(
    ([name, from, payload, drop, row]): VectorCase => ({
      name: `teredo-client-hears-in-the-group-a-bubble-${name}`,
      rfc: 'RFC 4380 5.2.8',
      rows: [`TRDO-${row}`],
      config: looking,
      chance: 0,
      state: QUALIFIED,
      from: 'v4',
      in: toGroup(from, payload),
      drop,
    }),
  ),
];
