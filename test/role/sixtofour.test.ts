/**
 * The roles of 6to4 against RFC 3964 section 5 and RFC 6324 section 3.3, rule by rule: a model on text that says of
 * a packet all that is wrong with it. Over every pair of some forty inner addresses, with every outer source, a
 * role has to drop exactly the packets with which something is wrong, for one of the reasons that the model gives.
 */
import { describe, expect, test } from 'vitest';
import { DROPS, Drop, type DropName } from '../../src/core/drop.js';
import { sixToFour } from '../../src/mapping/sixrd.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { Outer, type Role, SILENT } from '../../src/role/role.js';
import { SixToFourRelay } from '../../src/role/sixtofour-relay.js';
import { SixToFourSite } from '../../src/role/sixtofour-site.js';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.js';
import { address } from '../vectors/compose.js';

const ip = (text: string) => parseIpv4(text) ?? expect.fail(text);

/** The node: two local addresses, one more that is no tunnel's, and a private one. */
const LOCAL = ['8.8.8.8', '9.9.9.9'];
const OWN = [...LOCAL, '7.7.7.7', '10.0.0.1'];
const BROADCAST = '8.8.8.255';
const RELAY = '192.88.99.1';
/** Others, and whether they may be endpoints. */
const SPECIAL = [
  '0.1.2.3',
  '10.0.0.1',
  '10.1.1.1',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.1.1',
  '172.16.0.1',
  '192.168.0.1',
  '203.0.113.1',
  '224.0.0.1',
  '255.255.255.255',
  BROADCAST,
];
const ORDINARY = [...LOCAL, '7.7.7.7', '1.1.1.1', '5.6.7.8', RELAY];
const IPV4 = [...SPECIAL, ...ORDINARY];

const hexOf = (ipv4: string) =>
  ip(ipv4)
    .toString(16)
    .padStart(8, '0')
    .replace(/^(.{4})/, '$1:');
const inverted = (ipv4: string) =>
  (~ip(ipv4) >>> 0)
    .toString(16)
    .padStart(8, '0')
    .replace(/^(.{4})/, '$1:');

/** An inner address, what it carries and how, and whether RFC 3964 section 5.3.2 refuses it. */
interface Inner {
  readonly text: string;
  readonly carries: string | null;
  readonly is6to4: boolean;
  readonly special: boolean;
}

const plain = (text: string, special: boolean): Inner => ({ text, carries: null, is6to4: false, special });
const INNER: readonly Inner[] = [
  ...IPV4.map((carries): Inner => ({ text: `2002:${hexOf(carries)}:5::1`, carries, is6to4: true, special: false })),
  ...['8.8.8.8', '7.7.7.7', '10.0.0.1', '1.1.1.1'].flatMap((carries): Inner[] => [
    { text: `2001:db8::5efe:${carries}`, carries, is6to4: false, special: false },
    { text: `2001:db8::200:5efe:${carries}`, carries, is6to4: false, special: false },
    { text: `2001:0:101:101:8000:63bf:${inverted(carries)}`, carries, is6to4: false, special: false },
  ]),
  ...['2001:db8::1', '3fff:0:1::80', '2001:1::808:808', '2003:808:808::1', 'fd00::1'].map((text) => plain(text, false)),
  ...['::', '::1', '::ffff:8.8.8.8', '::8.8.8.8', 'fe80::1', 'fec0::1', 'ff02::1', '100::1'].map((text) => plain(text, true)),
];

type Faults = Set<DropName>;

/** What any node finds wrong with two inner addresses. */
function insane(src: Inner, dst: Inner, faults: Faults): void {
  for (const { special, is6to4, carries } of [src, dst]) {
    if (special) faults.add('special_ipv6');
    if (is6to4 && carries !== null && SPECIAL.includes(carries)) faults.add('special_ipv4');
  }
}

/** RFC 6324 section 3.3, with 3.3.1: private addresses mean nothing in foreign prefixes. */
const leadsBack = ({ carries }: Inner) => carries !== null && OWN.includes(carries) && !SPECIAL.includes(carries);

/** Section 5.1. */
function faultsSent(role: string, relay: boolean, src: Inner, dst: Inner): Faults {
  const faults: Faults = new Set();
  insane(src, dst, faults);
  if (src.is6to4 && !LOCAL.includes(src.carries ?? '')) faults.add('source_mismatch');
  if (dst.is6to4 && OWN.includes(dst.carries ?? '')) faults.add('loop');
  if (role === 'relay') {
    if (!dst.is6to4) faults.add('no_endpoint');
    if (!src.is6to4 && leadsBack(src)) faults.add('loop');
  } else {
    if (!src.is6to4) faults.add('source_mismatch');
    if (!dst.is6to4 && !relay) faults.add('no_endpoint');
  }
  return faults;
}

/** Section 5.2. */
function faultsReceived(role: string, remote: string, local: string, src: Inner, dst: Inner): Faults {
  const faults: Faults = new Set();
  insane(src, dst, faults);
  if (SPECIAL.includes(remote)) faults.add('special_ipv4');
  if (OWN.includes(remote)) faults.add('loop');
  if (src.is6to4 && src.carries !== remote) faults.add('source_mismatch');
  if (dst.is6to4 && dst.carries !== local) faults.add('destination_mismatch');
  if (role === 'relay') {
    if (!src.is6to4 && !dst.is6to4) faults.add('source_mismatch');
    if (!dst.is6to4 && leadsBack(dst)) faults.add('loop');
  } else if (!dst.is6to4) faults.add('destination_mismatch');
  return faults;
}

function roleOf(name: string, relay: boolean): Role {
  const options = {
    domain: sixToFour,
    endpoints: new EndpointPolicy([], [ip(BROADCAST)]),
    own: new OwnAddresses(OWN.map(ip)),
    local: LOCAL.map(ip),
    addresses: LOCAL.map((text) => address(`2002:${hexOf(text)}::1`)),
    identity: null,
  };
  if (name === 'relay') return new SixToFourRelay(options);
  return new SixToFourSite({ ...options, relay: relay ? ip(RELAY) : null }, SILENT);
}

const nameOf = (code: number) => DROPS.find((reason) => reason.code === code)?.name ?? null;

/** A packet between two of the inner addresses, somewhere in dirty octets. */
const OFF = 13;
const dirty = new Uint8Array(100).fill(0xa5);
const octetsOf = new Map(INNER.map(({ text }) => [text, address(text)]));

function placed(src: Inner, dst: Inner): Uint8Array {
  const b = dirty.slice();
  b.set(octetsOf.get(src.text) ?? [], OFF + 8);
  b.set(octetsOf.get(dst.text) ?? [], OFF + 24);
  return b;
}

const pairs = INNER.flatMap((src) => INNER.map((dst) => [src, dst] as const));

describe.each([
  ['site', true],
  ['site', false],
  ['relay', false],
])('a %s (uses a relay: %s)', (name, relay) => {
  const role = roleOf(name, relay);
  const outer = new Outer();

  test('sends what RFC 3964 section 5.1 lets through, between the right ends, and nothing else', () => {
    const wrong = pairs.flatMap(([src, dst]) => {
      const b = placed(src, dst);
      const verdict = role.encapsulate(b, OFF, outer, 0);
      const faults = faultsSent(name, relay, src, dst);
      const ends = `${formatIpv4(outer.local.addr)} ${formatIpv4(outer.remote.addr)}`;
      const right = `${src.is6to4 ? src.carries : LOCAL[0]} ${dst.is6to4 ? dst.carries : RELAY}`;
      const fine = faults.size > 0 ? faults.has(nameOf(verdict) as DropName) : verdict === Drop.none && ends === right;
      const untouched = Buffer.compare(b, placed(src, dst)) === 0;
      return fine && untouched
        ? []
        : [`${src.text} > ${dst.text}: ${nameOf(verdict)}, ${ends}; expected ${[...faults].join(' or ') || right}`];
    });
    expect(wrong).toEqual([]);
  });

  test('receives what RFC 3964 section 5.2 lets through, and nothing else', () => {
    const wrong = pairs.flatMap(([src, dst]) => {
      const b = placed(src, dst);
      return IPV4.flatMap((remote) =>
        LOCAL.flatMap((local) => {
          outer.remote.addr = ip(remote);
          outer.local.addr = ip(local);
          const verdict = role.decapsulate(b, OFF, outer, 0);
          const faults = faultsReceived(name, remote, local, src, dst);
          const fine = faults.size > 0 ? faults.has(nameOf(verdict) as DropName) : verdict === Drop.none;
          const untouched = Buffer.compare(b, placed(src, dst)) === 0;
          const packet = `${remote} > ${local}: ${src.text} > ${dst.text}`;
          return fine && untouched ? [] : [`${packet}: ${nameOf(verdict)}; expected ${[...faults].join(' or ') || 'none'}`];
        }),
      );
    });
    expect(wrong).toEqual([]);
  });

  test('claims the packets in which either end is 6to4', () => {
    const claimed = pairs.filter(([src, dst]) => role.claims(placed(src, dst), OFF));
    expect(claimed).toEqual(pairs.filter(([src, dst]) => src.is6to4 || dst.is6to4));
  });
});
