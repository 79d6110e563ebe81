/** RFC 5214 section 7.3: from whom a host takes what, the table of the shared vectors, and a router that shares its address with 6to4. */
import type { DropName } from '../../../src/core/drop.js';
import { vectors } from '../../wire/vectors.js';
import { echoRequest, ipv4 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { HEARD, HOST, host, PEER, PREFIX, ROUTER, router, SECOND, STRANGER, WEB } from './nodes.js';

/** By the `why` of a row of `decap_checks`: who receives it, and what becomes of it. */
const RECEIVED: Readonly<Record<string, readonly [name: string, drop: DropName | null, ...rows: string[]]>> = {
  'embedded match, u=0': ['router-receives-from-one-host-what-is-for-another', null, 'ISA-10'],
  'embedded match, u=1 must be accepted too': ['router-receives-from-a-host-with-the-u-bit', null, 'ISA-03', 'ISA-10'],
  'router in PRL forwards any source': ['host-receives-what-its-router-forwards', null, 'ISA-10'],
  'not in PRL': ['host-receives-a-native-source-from-no-router', 'not_potential_router', 'ISA-10', 'ISA-12'],
  'embedded mismatch': ['host-receives-its-own-address-as-a-source', 'source_mismatch', 'ISA-10', 'ENC-42', 'SEC-15'],
  'rogue router link-local': ['host-receives-data-in-the-name-of-its-router', 'source_mismatch', 'ISA-10', 'ENC-42'],
};

const table: readonly VectorCase[] = vectors.decap_checks
  .filter(({ mechanism }) => mechanism === 'isatap')
  .map(({ why, v4src, v4dst, v6src, v6dst }) => {
    const [name, drop, ...rows] = RECEIVED[why];
    const inner = echoRequest({ src: v6src, dst: v6dst });
    return {
      name: `isatap-${name}`,
      rfc: 'RFC 5214 7.3',
      rows,
      ...(v4dst === ROUTER.v4 ? { config: router() } : { config: host(), state: HEARD }),
      from: 'v4',
      in: ipv4({ src: v4src, dst: v4dst }, inner),
      ...(drop === null ? { out: inner } : { drop }),
    };
  });

const arriving: readonly VectorCase[] = (
  [
    ['from-a-neighbour', PEER.v4, PEER.v6, HOST.v6, null, 'ISA-10'],
    ['from-a-neighbour-with-the-u-bit', PEER.v4, PEER.universal, HOST.v6, null, 'ISA-03'],
    ['from-a-link-local-neighbour', PEER.v4, PEER.local, HOST.local, null, 'ISA-10'],
    ['from-a-link-local-neighbour-with-the-u-bit', PEER.v4, PEER.universalLocal, HOST.local, null, 'ISA-03'],
    ['from-its-router-itself', ROUTER.v4, ROUTER.v6, HOST.v6, null, 'ISA-10'],
    ['from-its-second-router', SECOND.v4, WEB, HOST.v6, null, 'ISA-10'],
    ['from-its-router-what-a-neighbour-sent', ROUTER.v4, PEER.v6, HOST.v6, null, 'ISA-10'],
    ['from-a-neighbour-in-another-name', STRANGER.v4, PEER.v6, HOST.v6, 'source_mismatch', 'ISA-10'],
    ['from-a-neighbour-with-another-prefix', PEER.v4, `3fff:15::5efe:${PEER.hex}`, HOST.v6, 'not_potential_router', 'ISA-11'],
    ['from-a-native-identifier-in-the-prefix', PEER.v4, `${PREFIX}1234`, HOST.v6, 'not_potential_router', 'ISA-10'],
    ['for-a-neighbour', PEER.v4, PEER.v6, SECOND.v6, 'destination_mismatch', 'ISA-09'],
    ['for-its-own-address-with-the-other-u-bit', PEER.v4, PEER.v6, HOST.universal, 'destination_mismatch', 'ISA-03'],
    ['for-a-native-address-from-its-router', ROUTER.v4, WEB, '3fff:0:9::1', 'destination_mismatch', 'ISA-09'],
    ['for-a-group', PEER.v4, PEER.v6, 'ff02::1', 'special_ipv6', 'ISA-08'],
    ['from-its-own-outer-address', HOST.v4, HOST.v6, HOST.v6, 'loop', 'SEC-05'],
    ['from-a-6to4-relay', '192.88.99.1', WEB, HOST.v6, 'special_ipv4', 'SEC-10'],
    ['from-the-broadcast-address', '192.0.2.255', `${PREFIX.slice(0, -1)}0:5efe:c000:2ff`, HOST.v6, 'special_ipv4', 'ISA-08'],
    ['from-a-link-local-address-of-another-kind', PEER.v4, 'fe80::1', HOST.v6, 'special_ipv6', 'ISA-10'],
    ['from-its-router-with-a-loopback-source', ROUTER.v4, '::1', HOST.v6, 'special_ipv6', 'ENC-45'],
    ['from-its-router-with-a-group-as-a-source', ROUTER.v4, 'ff02::1', HOST.v6, 'special_ipv6', 'ENC-45'],
  ] as const
).map(([name, outer, src, dst, drop, row]) => {
  const inner = echoRequest({ src, dst });
  return {
    name: `isatap-host-receives-${name}`,
    rfc: 'RFC 5214 7.3',
    rows: [row],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: ipv4({ src: outer, dst: HOST.v4 }, inner),
    ...(drop === null ? { out: inner } : { drop }),
  };
});

const sharing = [
  router('name = "isatap"'),
  '',
  '[[tunnel]]',
  'type = "6to4"',
  'role = "relay"',
  'name = "6to4"',
  `local = "${ROUTER.v4}"`,
  '',
  '[policy]',
  'allow-ipv4 = ["192.0.2.0/24"]',
].join('\n');
const beside6to4: readonly VectorCase[] = (
  [
    ['from-a-host', HOST.v4, HOST.v6, WEB, null, 'SEC-02'],
    ['from-6to4', HOST.v4, '2002:c000:205::1', WEB, null, 'SEC-03'],
    ['from-6to4-in-another-name', STRANGER.v4, '2002:c000:205::1', WEB, 'source_mismatch', 'SEC-03'],
    ['from-a-host-for-6to4', HOST.v4, HOST.v6, '2002:c000:206::1', null, 'SEC-02'],
    ['from-6to4-for-a-host', HOST.v4, '2002:c000:205::1', PEER.v6, null, 'SEC-02'],
    ['from-a-host-for-itself-in-6to4', HOST.v4, HOST.v6, '2002:c000:201::9', 'loop', 'SEC-05'],
    ['from-6to4-for-itself-in-isatap', HOST.v4, '2002:c000:205::1', ROUTER.universal, 'loop', 'SEC-05'],
  ] as const
).map(([name, outer, src, dst, drop, row]) => {
  const inner = echoRequest({ src, dst });
  return {
    name: `isatap-router-and-6to4-relay-receives-${name}`,
    rfc: 'RFC 5214 7.3',
    rows: [row, 'ISA-12'],
    config: sharing,
    from: 'v4',
    in: ipv4({ src: outer, dst: ROUTER.v4 }, inner),
    ...(drop === null ? { out: inner } : { drop }),
  };
});

/** All of them. */
export const checks: readonly VectorCase[] = [...table, ...arriving, ...beside6to4];
