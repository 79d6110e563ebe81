/**
 * RFC 3964 section 5: the tables of the shared vectors in every role. What they call a failed sanity
 * check is `special_ipv4` where an IPv4 address is at fault, carried or not, else `special_ipv6`.
 */
import type { DropName } from '../../../src/core/drop.js';
import { vectors } from '../../wire/vectors.js';
import { echoRequest, ipv4 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { config, PEER, RELAY, ROLES, type Role, SITE } from './nodes.js';

/** What a node of this role answers to a row; null: it is let through. */
type Expected = DropName | null | Readonly<Record<Role, DropName | null>>;
type Row = readonly [name: string, expected: Expected, ...rows: string[]];

const everywhere = (host: DropName | null, relay: DropName | null) => ({ host, router: host, relay });

/** By the `why` of a row of `decap_checks`. */
const RECEIVED: Readonly<Record<string, Row>> = {
  'good peer': ['a-peer', null, '6CHK-08', '6TO4-13'],
  'spoofed inner 6to4 source': ['a-forged-6to4-source', 'source_mismatch', '6CHK-08', 'ENC-42', 'SEC-15'],
  'inner destination is another site (third-party relaying)': ['what-is-for-another-site', 'destination_mismatch', '6CHK-07', '6TO4-34'],
  'relay return traffic': ['return-traffic-of-a-relay', null, '6TO4-32', '6TO4-33', '6CHK-20'],
  'relay own ICMPv6': ['the-relay-itself', null, '6CHK-08'],
  '6to4 to 6to4 through a relay is forbidden': ['another-site-by-way-of-a-relay', 'source_mismatch', '6CHK-08', '6RLY-12'],
  'RFC 1918 source': ['a-private-outer-source', 'special_ipv4', '6CHK-05', '6CHK-12'],
  'embedded loopback': ['an-embedded-loopback-source', 'special_ipv4', '6CHK-25', '6CHK-13'],
  'embedded multicast': ['an-embedded-multicast-source', 'special_ipv4', '6CHK-25', '6CHK-17'],
  'embedded broadcast': ['an-embedded-broadcast-source', 'special_ipv4', '6CHK-25', '6CHK-18'],
  'link-local source': ['a-link-local-source', 'special_ipv6', '6CHK-06', '6CHK-22'],
  'site-local': ['a-site-local-source', 'special_ipv6', '6CHK-06', '6CHK-23'],
  'mapped source': ['a-mapped-source', 'special_ipv6', '6CHK-21', 'ENC-45'],
  'loopback source': ['a-loopback-source', 'special_ipv6', '6CHK-21', 'ENC-45'],
  'multicast destination (ND attack)': ['a-multicast-destination', 'special_ipv6', '6CHK-24', '6TO4-25'],
  'link-local destination (ND attack)': ['a-link-local-destination', 'special_ipv6', '6CHK-22'],
  // A site serves its own prefix only; a relay takes from 6to4 only.
  'native to native': ['native-to-native', everywhere('destination_mismatch', 'source_mismatch'), '6CHK-10'],
  'client of relay (only valid on a relay)': ['a-client-of-a-relay', everywhere('destination_mismatch', null), '6CHK-09'],
  '0/8': ['an-outer-source-in-0-8', 'special_ipv4', '6CHK-05', '6CHK-11'],
  '169.254/16': ['an-outer-source-in-169-254-16', 'special_ipv4', '6CHK-05', '6CHK-16'],
  '172.16/12': ['an-outer-source-in-172-16-12', 'special_ipv4', '6CHK-05', '6CHK-14'],
  '240/4': ['an-outer-source-in-240-4', 'special_ipv4', '6CHK-05', '6CHK-18'],
  // The contract is strict where RFC 3964 is silent.
  '100.64/10 passes RFC 3964 list; strict mode should drop it': ['an-outer-source-in-shared-space', 'special_ipv4', '6CHK-29', '6TO4-04'],
  'TEST-NET passes RFC 3964 list (usable as lab public space)': ['a-documentation-range-that-is-allowed', null, '6CHK-29'],
};

/** By the `why` of a row of `encap_checks_6to4`. */
const SENT: Readonly<Record<string, Row>> = {
  good: ['to-a-peer', null, '6TO4-08', '6TO4-12', '6CHK-02'],
  'good via relay': ['to-a-native-address', everywhere(null, 'no_endpoint'), '6TO4-10'],
  'wrong site source': ['from-another-site', 'source_mismatch', '6CHK-02', '6TO4-12'],
  'relay direction': ['from-a-native-address-to-a-peer', everywhere('source_mismatch', null), '6RLY-10'],
  'destination embeds my own address: loop': ['from-a-native-address-to-itself', everywhere('source_mismatch', 'loop'), '6CHK-03'],
  'native to native': ['native-to-native', everywhere('source_mismatch', 'no_endpoint'), '6CHK-04'],
  'RFC 1918 embedded': ['to-an-embedded-private-address', 'special_ipv4', '6CHK-25', '6CHK-12'],
  'link-local source': ['from-a-link-local-address', 'special_ipv6', '6CHK-01', '6TO4-24'],
  'multicast embedded': ['to-an-embedded-group', 'special_ipv4', '6CHK-25', '6CHK-17'],
};

const expectedOf = (expected: Expected, role: Role): DropName | null =>
  expected === null || typeof expected === 'string' ? expected : expected[role];

function received(role: Role): VectorCase[] {
  const checks = vectors.decap_checks.filter(({ mechanism }) => mechanism === '6to4');
  return checks.map(({ why, v4src, v4dst, v6src, v6dst }) => {
    const [name, expected, ...rows] = RECEIVED[why];
    const drop = expectedOf(expected, role);
    const inner = echoRequest({ src: v6src, dst: v6dst });
    return {
      name: `${role}-receives-${name}`,
      rfc: 'RFC 3964 5.2',
      rows: [...rows, ...(role === 'relay' ? ['6RLY-13'] : [])],
      config: config(role, PEER.v4),
      from: 'v4',
      in: ipv4({ src: v4src, dst: v4dst }, inner),
      ...(drop === null ? { out: inner } : { drop }),
    };
  });
}

function sent(role: Role): VectorCase[] {
  return vectors.encap_checks_6to4.map(({ why, v4src, v6src, v6dst }) => {
    const [name, expected, ...rows] = SENT[why];
    const drop = expectedOf(expected, role);
    const inner = echoRequest({ src: v6src, dst: v6dst });
    const dst = v6dst === PEER.v6 ? PEER.v4 : RELAY.v4;
    return {
      name: `${role}-sends-${name}`,
      rfc: 'RFC 3964 5.1',
      rows: [...rows, ...(role === 'relay' ? ['6RLY-13'] : [])],
      config: config(role, SITE.v4),
      from: 'v6',
      in: inner,
      ...(drop === null ? { out: ipv4({ src: v4src, dst }, inner) } : { drop }),
    };
  });
}

/** Every row of both tables, in every role. */
export const checks: readonly VectorCase[] = ROLES.flatMap((role) => [...received(role), ...sent(role)]);
