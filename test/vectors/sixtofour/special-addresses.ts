/**
 * RFC 3964 sections 5.3.1 and 5.3.2, with what IANA's registries have added since: every range at
 * its edges, for a node on the real Internet that lets nothing special through.
 */
import { echoRequest, ipv4 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { config, PEER, SITE, strictConfig, WEB } from './nodes.js';

/** RFC 3056 section 5.1, sites A and B: addresses of the real Internet. */
const HERE = { v4: '192.1.2.3', v6: '2002:c001:203::1' } as const;
const HOST = strictConfig('host', HERE.v4);

/** Range, row, first and last address in it, and the addresses next to it that are no part of it (or of another refused one). */
const REFUSED: readonly (readonly [name: string, row: string, rfc: string, inside: readonly string[], outside: readonly string[]])[] = [
  ['this-network', '6CHK-11', 'RFC 3964 5.3.1', ['0.0.0.0', '0.255.255.255'], ['1.0.0.0']],
  ['private-10', '6CHK-12', 'RFC 3964 5.3.1', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0']],
  ['loopback', '6CHK-13', 'RFC 3964 5.3.1', ['127.0.0.0', '127.255.255.255'], ['126.255.255.255', '128.0.0.0']],
  ['private-172', '6CHK-14', 'RFC 3964 5.3.1', ['172.16.0.0', '172.31.255.255'], ['172.15.255.255', '172.32.0.0']],
  ['private-192', '6CHK-15', 'RFC 3964 5.3.1', ['192.168.0.0', '192.168.255.255'], ['192.167.255.255', '192.169.0.0']],
  ['link-local', '6CHK-16', 'RFC 3964 5.3.1', ['169.254.0.0', '169.254.255.255'], ['169.253.255.255', '169.255.0.0']],
  ['multicast', '6CHK-17', 'RFC 3964 5.3.1', ['224.0.0.0', '239.255.255.255'], ['223.255.255.255']],
  ['reserved', '6CHK-18', 'RFC 3964 5.3.1', ['240.0.0.0', '255.255.255.255'], []],
  ['shared-space', '6CHK-29', 'RFC 6598', ['100.64.0.0', '100.127.255.255'], ['100.63.255.255', '100.128.0.0']],
  ['ietf-assignments', '6CHK-29', 'RFC 6890', ['192.0.0.0', '192.0.0.255'], ['191.255.255.255', '192.0.1.0']],
  ['benchmarking', '6CHK-29', 'RFC 2544', ['198.18.0.0', '198.19.255.255'], ['198.17.255.255', '198.20.0.0']],
  ['test-net-1', '6CHK-29', 'RFC 5737', ['192.0.2.0', '192.0.2.255'], ['192.0.3.0']],
  ['test-net-2', '6CHK-29', 'RFC 5737', ['198.51.100.0', '198.51.100.255'], ['198.51.99.255', '198.51.101.0']],
  ['test-net-3', '6CHK-29', 'RFC 5737', ['203.0.113.0', '203.0.113.255'], ['203.0.112.255', '203.0.114.0']],
  // The node is 192.1.2.3/24: its own broadcast address, and that of the next subnet.
  ['own-broadcast', '6CHK-19', 'RFC 3964 5.3.1', ['192.1.2.255'], ['192.1.3.255']],
];

/** Passes though a special-purpose range is around it. */
const ACCEPTED: readonly (readonly [name: string, row: string, rfc: string, addr: string])[] = [
  ['the-relay-anycast-prefix', '6CHK-20', 'RFC 7526 6', '192.88.99.77'],
  ['a-globally-reachable-assignment', '6CHK-29', 'RFC 7723', '192.0.0.9'],
];

const slug = (addr: string) => addr.replaceAll('.', '-');
const site6 = (addr: string) =>
  `2002:${addr
    .split('.')
    .map((octet) => Number(octet).toString(16).padStart(2, '0'))
    .join('')
    .replace(/^(.{4})/, '$1:')}::1`;

/** From a site at `addr`. */
function received(addr: string, name: string, rfc: string, row: string, accepted: boolean): VectorCase {
  const inner = echoRequest({ src: site6(addr), dst: HERE.v6 });
  return {
    name: `host-receives-from-${name}-${slug(addr)}`,
    rfc,
    rows: accepted ? [row] : [row, '6CHK-05'],
    config: HOST,
    from: 'v4',
    in: ipv4({ src: addr, dst: HERE.v4 }, inner),
    ...(accepted ? { out: inner } : { drop: 'special_ipv4' as const }),
  };
}

/** To a site at `addr`. */
function sent(addr: string, name: string, rfc: string, row: string, accepted: boolean): VectorCase {
  const inner = echoRequest({ src: HERE.v6, dst: site6(addr) });
  return {
    name: `host-sends-to-${name}-${slug(addr)}`,
    rfc,
    rows: accepted ? [row] : [row, '6CHK-01', '6CHK-25'],
    config: HOST,
    from: 'v6',
    in: inner,
    ...(accepted ? { out: ipv4({ src: HERE.v4, dst: addr }, inner) } : { drop: 'special_ipv4' as const }),
  };
}

const ipv4Ranges = REFUSED.flatMap(([name, row, rfc, inside, outside]) => [
  ...inside.flatMap((addr) => [received(addr, name, rfc, row, false), sent(addr, name, rfc, row, false)]),
  ...outside.flatMap((addr) => [received(addr, `beside-${name}`, rfc, row, true), sent(addr, `beside-${name}`, rfc, row, true)]),
]);
const ipv4Exceptions = ACCEPTED.flatMap(([name, row, rfc, addr]) => [
  received(addr, name, rfc, row, true),
  sent(addr, name, rfc, row, true),
]);

/** Inner addresses that nothing may come from or go to. */
const REFUSED6: readonly (readonly [name: string, row: string, address: string])[] = [
  ['unspecified', '6CHK-21', '::'],
  ['loopback', '6CHK-21', '::1'],
  ['ipv4-compatible', '6CHK-21', '::192.0.2.42'],
  ['ipv4-mapped', '6CHK-21', '::ffff:192.0.2.42'],
  ['the-end-of-reserved', '6CHK-21', '0:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['discard-only', '6CHK-21', '100::1'],
  ['link-local', '6CHK-22', 'fe80::1'],
  ['the-end-of-link-local', '6CHK-22', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['site-local', '6CHK-23', 'fec0::1'],
  ['the-end-of-site-local', '6CHK-23', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['all-nodes', '6CHK-24', 'ff02::1'],
  ['a-global-group', '6CHK-24', 'ff0e::1'],
];

/** Inner addresses beside those, which pass. */
const ACCEPTED6: readonly (readonly [name: string, row: string, address: string])[] = [
  ['what-follows-reserved', '6CHK-21', '1::1'],
  ['what-follows-discard-only', '6CHK-21', '100:0:0:2::1'],
  ['what-precedes-link-local', '6CHK-22', 'fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['unique-local', '6CHK-22', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

const RELAY_CONFIG = config('relay', PEER.v4);
const HOST_CONFIG = config('host', PEER.v4);

function inner6([name, row, address]: readonly [string, string, string], drop: boolean): VectorCase[] {
  const fromSite = echoRequest({ src: SITE.v6, dst: address });
  const toSite = echoRequest({ src: address, dst: SITE.v6 });
  const toHost = echoRequest({ src: address, dst: PEER.v6 });
  const rfc = 'RFC 3964 5.3.2';
  const outcome = (out: Uint8Array) => (drop ? { drop: 'special_ipv6' as const } : { out });
  return [
    {
      name: `relay-receives-for-${name}`,
      rfc,
      rows: [row, '6CHK-06', '6RLY-13'],
      config: RELAY_CONFIG,
      from: 'v4',
      in: ipv4({ src: SITE.v4, dst: PEER.v4 }, fromSite),
      ...outcome(fromSite),
    },
    {
      name: `host-receives-from-${name}`,
      rfc,
      rows: [row, '6CHK-06', 'ENC-45'],
      config: HOST_CONFIG,
      from: 'v4',
      in: ipv4({ src: SITE.v4, dst: PEER.v4 }, toHost),
      ...outcome(toHost),
    },
    {
      name: `relay-sends-from-${name}`,
      rfc,
      rows: [row, '6CHK-01', '6RLY-13'],
      config: RELAY_CONFIG,
      from: 'v6',
      in: toSite,
      ...outcome(ipv4({ src: PEER.v4, dst: SITE.v4 }, toSite)),
    },
  ];
}

/** A list lets documentation ranges through, and nothing else. */
const exceptions: readonly VectorCase[] = [
  {
    name: 'host-receives-from-an-allowed-range-and-no-other',
    rfc: 'RFC 3964 5.3.1',
    rows: ['6TO4-04'],
    config: config('host', PEER.v4),
    from: 'v4',
    in: ipv4({ src: '198.18.0.1', dst: PEER.v4 }, echoRequest({ src: site6('198.18.0.1'), dst: PEER.v6 })),
    drop: 'special_ipv4',
  },
  {
    name: 'relay-receives-from-the-broadcast-address-of-an-allowed-range',
    rfc: 'RFC 3964 5.3.1',
    rows: ['6CHK-19'],
    config: RELAY_CONFIG,
    from: 'v4',
    in: ipv4({ src: '198.51.100.255', dst: PEER.v4 }, echoRequest({ src: site6('198.51.100.255'), dst: WEB })),
    drop: 'special_ipv4',
  },
];

/** All of them. */
export const specialAddresses: readonly VectorCase[] = [
  ...ipv4Ranges,
  ...ipv4Exceptions,
  ...REFUSED6.flatMap((row) => inner6(row, true)),
  ...ACCEPTED6.flatMap((row) => inner6(row, false)),
  ...exceptions,
];
