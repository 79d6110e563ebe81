/** RFC 6040: all sixteen cells at the egress, and both modes at the ingress. */

import { type EcnName, vectors } from '../../wire/vectors.js';
import { echoRequest, ipv4 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { config, PEER, SITE } from './nodes.js';

const BITS: Readonly<Record<EcnName, number>> = { 'Not-ECT': 0, 'ECT(1)': 1, 'ECT(0)': 2, CE: 3 };
const NAMES = Object.keys(BITS) as EcnName[];
const word = (name: EcnName) => name.toLowerCase().replace(/[()]/g, '');
/** DSCP 10 inside and 46 outside: neither is touched. */
const inner = (ecn: number) => echoRequest({ src: SITE.v6, dst: PEER.v6, trafficClass: (10 << 2) | ecn });

const egress = NAMES.flatMap((inside) =>
  NAMES.map((outside): VectorCase => {
    const outgoing = vectors.ecn_decap_6040[inside][outside];
    return {
      name: `host-receives-${word(inside)}-in-${word(outside)}`,
      rfc: 'RFC 6040 4.2',
      rows: [
        'ENC-36',
        ...(outgoing === 'drop' ? ['ENC-37'] : []),
        ...(inside === 'Not-ECT' && outside.startsWith('ECT') ? ['ENC-38'] : []),
      ],
      config: config('host', PEER.v4),
      from: 'v4',
      in: ipv4({ src: SITE.v4, dst: PEER.v4, tos: (46 << 2) | BITS[outside] }, inner(BITS[inside])),
      ...(outgoing === 'drop' ? { drop: 'ecn_congestion' as const } : { out: inner(BITS[outgoing]) }),
    };
  }),
);

const ingress = NAMES.flatMap((inside): VectorCase[] => [
  {
    name: `host-sends-${word(inside)}-in-compatibility-mode`,
    rfc: 'RFC 6040 4.3',
    rows: ['ENC-34', 'ENC-35'],
    config: config('host', SITE.v4),
    from: 'v6',
    in: inner(BITS[inside]),
    out: ipv4({ src: SITE.v4, dst: PEER.v4 }, inner(BITS[inside])),
  },
  {
    name: `host-sends-${word(inside)}-in-normal-mode`,
    rfc: 'RFC 6040 4.1',
    rows: ['ENC-33'],
    config: config('host', SITE.v4, 'ecn = "normal"'),
    from: 'v6',
    in: inner(BITS[inside]),
    out: ipv4({ src: SITE.v4, dst: PEER.v4, tos: BITS[inside] }, inner(BITS[inside])),
  },
]);

/** All of them. */
export const congestion: readonly VectorCase[] = [...egress, ...ingress];
