/**
 * The roles of 6rd against RFC 5969 sections 7, 9.2 and 12 and RFC 6324 section 3.3, rule by rule: a model on text
 * that says of a packet all that is wrong with it. Over every pair of inner addresses, with every outer source, a
 * role has to drop exactly the packets with which something is wrong, for one of the reasons that the model gives.
 * Domains begin and end within octets and nibbles; the model writes their addresses with 128-bit integers.
 */
import { describe, expect, test } from 'vitest';
import { DROPS, Drop, type DropName } from '../../src/core/drop.js';
import { SixRd } from '../../src/mapping/sixrd.js';
import { OwnAddresses, OwnAddresses6 } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { BorderRelayWatch } from '../../src/role/border-relay-watch.js';
import { Outer, type Role, SILENT } from '../../src/role/role.js';
import { SixRdBorderRelay } from '../../src/role/sixrd-border-relay.js';
import { SixRdCustomerEdge } from '../../src/role/sixrd-customer-edge.js';
import { formatIpv4, formatIpv6, parseIpv4, parsePrefix6 } from '../../src/wire/address.js';
import { address } from '../vectors/compose.js';

const ip = (text: string) => parseIpv4(text) ?? expect.fail(text);
const prefix = (text: string) => parsePrefix6(text) ?? expect.fail(text);
const number = (octets: Uint8Array) => BigInt(`0x${Buffer.from(octets).toString('hex')}`);

/** One domain, and the node in it. */
interface Setting {
  readonly prefix: string;
  readonly mask: number;
  /** The node's: local, and one that is no tunnel's. */
  readonly local: string;
  readonly other: string;
  readonly broadcast: string;
  /** Of customer edges and strangers. */
  readonly peers: readonly string[];
}

const SETTINGS: readonly Setting[] = [
  {
    prefix: '2001:db8::/32',
    mask: 8,
    local: '10.100.100.1',
    other: '10.7.7.7',
    broadcast: '10.100.100.255',
    peers: ['10.100.100.2', '10.0.0.1', '11.100.100.1', '11.100.100.2', '192.0.2.1', '10.255.255.255'],
  },
  {
    prefix: '2001:db8::/31',
    mask: 11,
    local: '10.161.2.3',
    other: '10.7.7.7',
    broadcast: '10.161.2.255',
    peers: ['10.161.2.4', '10.160.0.0', '10.191.255.254', '10.193.2.4', '10.129.2.3', '8.8.8.8'],
  },
  {
    prefix: '3fff:b10::/28',
    mask: 4,
    local: '203.0.113.77',
    other: '192.0.2.9',
    broadcast: '203.0.113.127',
    peers: ['203.0.113.78', '192.88.99.1', '207.255.255.254', '219.0.113.78', '10.0.0.1', '171.0.113.77'],
  },
  {
    prefix: '3fff:a00::/24',
    mask: 0,
    local: '8.8.8.8',
    other: '7.7.7.7',
    broadcast: '8.8.8.255',
    peers: ['1.1.1.1', '10.0.0.1', '192.168.1.1', '0.1.2.3', '127.0.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', '192.88.99.1'],
  },
];

/** RFC 5969 section 7.1: any unicast address is a customer edge; relays of others are none (section 12). */
const NO_ENDPOINT = /^(0|127|22[4-9]|2[345]\d)\.|^192\.88\.99\./;
const RELAYS = ['198.18.0.1', '192.88.99.201'];

/** An inner address, the IPv4 address that it carries and how, and whether no packet may have it. */
interface Inner {
  readonly text: string;
  readonly carries: string | null;
  readonly how: 'domain' | 'foreign' | 'plain';
  readonly special: boolean;
}

const nameOf = (code: number) => DROPS.find((reason) => reason.code === code)?.name ?? null;
const hexOf = (value: number) =>
  value
    .toString(16)
    .padStart(8, '0')
    .replace(/^(.{4})/, '$1:');

describe.each(SETTINGS)('the domain $prefix with IPv4MaskLen $mask', (setting) => {
  const { local, other, broadcast, peers, mask } = setting;
  const OWN = [local, other];
  const IPV4 = [...OWN, broadcast, ...peers, ...RELAYS];
  const domain = new SixRd(prefix(setting.prefix), mask, ip(local));
  const isMember = (text: string) => mask === 0 || ip(text) >>> (32 - mask) === ip(local) >>> (32 - mask);
  const special = (text: string) => NO_ENDPOINT.test(text) || text === broadcast;

  /** RFC 5969 section 4, with 128-bit integers. */
  const inDomain = (text: string, rest = 1n): string => {
    const { addr, len } = prefix(setting.prefix);
    const carried = BigInt(ip(text)) & ((1n << BigInt(32 - mask)) - 1n);
    const value = number(addr) | (carried << BigInt(128 - len - 32 + mask)) | rest;
    return formatIpv6(Uint8Array.from(Buffer.from(value.toString(16).padStart(32, '0'), 'hex')));
  };

  const INNER: readonly Inner[] = [
    ...IPV4.filter(isMember).map((carries): Inner => ({ text: inDomain(carries), carries, how: 'domain', special: false })),
    { text: inDomain(local, 0n), carries: local, how: 'domain', special: false },
    { text: inDomain(local, 0xabn), carries: local, how: 'domain', special: false },
    ...[local, other, peers[0]].flatMap((carries): Inner[] => [
      { text: `2002:${hexOf(ip(carries))}::9`, carries, how: 'foreign', special: false },
      { text: `2600::5efe:${carries}`, carries, how: 'foreign', special: false },
      { text: `2600::200:5efe:${carries}`, carries, how: 'foreign', special: false },
      { text: `2001:0:101:101:8000:63bf:${hexOf(~ip(carries) >>> 0)}`, carries, how: 'foreign', special: false },
    ]),
    ...['2600::1', 'fd00::1'].map((text): Inner => ({ text, carries: null, how: 'plain', special: false })),
    ...['::', '::1', '::ffff:8.8.8.8', 'fe80::1', 'fe80::a64:6401', 'fec0::1', 'ff02::1', '100::1'].map(
      (text): Inner => ({ text, carries: null, how: 'plain', special: true }),
    ),
  ];

  const ADDRESSES = [inDomain(local), inDomain(local, 0n)];
  const own6 = new OwnAddresses6(ADDRESSES.map(address));
  const node = {
    domain,
    endpoints: EndpointPolicy.unicast([], [ip(broadcast)]),
    own: new OwnAddresses(OWN.map(ip), [domain], own6),
    local: [ip(local)],
    addresses: ADDRESSES.map(address),
    identity: null,
  };
  const watch = new BorderRelayWatch(RELAYS.map(ip), node.addresses[0], SILENT, null, () => {}, 0);
  const edge = (hubAndSpoke: boolean): Role => new SixRdCustomerEdge({ ...node, relays: RELAYS.map(ip), hubAndSpoke }, watch);

  const OFF = 13;
  const dirty = new Uint8Array(100).fill(0xa5);
  const octetsOf = new Map(INNER.map(({ text }) => [text, address(text)]));
  const placed = (src: Inner, dst: Inner): Uint8Array => {
    const b = dirty.slice();
    b.set(octetsOf.get(src.text) ?? [], OFF + 8);
    b.set(octetsOf.get(dst.text) ?? [], OFF + 24);
    return b;
  };
  const pairs = INNER.flatMap((src) => INNER.map((dst) => [src, dst] as const));

  type Faults = Set<DropName>;
  const insane = (src: Inner, dst: Inner): Faults => {
    const faults: Faults = new Set();
    for (const { special: refused, how, carries } of [src, dst]) {
      if (refused) faults.add('special_ipv6');
      if (how === 'domain' && carries !== null && special(carries)) faults.add('special_ipv4');
    }
    return faults;
  };

  const PRIVATE = /^(10|127)\.|^192\.168\./;
  /** RFC 6324 section 3.3: what carries an address of the node, a private one in the node's own domain only, and is not the node's. */
  const leadsBack = ({ text, carries, how }: Inner): boolean =>
    carries !== null && OWN.includes(carries) && !ADDRESSES.includes(text) && (how === 'domain' || !PRIVATE.test(carries));

  const sentByEdge = (src: Inner, dst: Inner): Faults => {
    const faults = insane(src, dst);
    if (src.how !== 'domain' || src.carries !== local) faults.add('source_mismatch');
    if (dst.how === 'domain' && OWN.includes(dst.carries ?? '')) faults.add('loop');
    return faults;
  };
  const receivedByEdge = (remote: string, src: Inner, dst: Inner): Faults => {
    const faults = insane(src, dst);
    if (RELAYS.includes(remote)) {
      if (src.how === 'domain' && src.carries === local) faults.add('loop');
    } else {
      if (special(remote)) faults.add('special_ipv4');
      if (OWN.includes(remote)) faults.add('loop');
      if (src.how !== 'domain' || src.carries !== remote) faults.add('source_mismatch');
    }
    if (dst.how !== 'domain' || dst.carries !== local) faults.add('destination_mismatch');
    return faults;
  };
  const sentByRelay = (src: Inner, dst: Inner): Faults => {
    const faults = insane(src, dst);
    if (dst.how !== 'domain') faults.add('no_endpoint');
    if (dst.how === 'domain' && OWN.includes(dst.carries ?? '')) faults.add('loop');
    if (leadsBack(src)) faults.add('loop');
    return faults;
  };
  const receivedByRelay = (remote: string, src: Inner, dst: Inner): Faults => {
    const faults = insane(src, dst);
    if (special(remote)) faults.add('special_ipv4');
    if (OWN.includes(remote)) faults.add('loop');
    if (src.how !== 'domain' || src.carries !== remote) faults.add('source_mismatch');
    if (leadsBack(dst)) faults.add('loop');
    return faults;
  };

  /** Packets of which the role thinks otherwise than the model, in words. */
  function differences(
    judge: (b: Uint8Array) => number,
    faultsOf: (src: Inner, dst: Inner) => Faults,
    isRight: (src: Inner, dst: Inner) => boolean = () => true,
  ): string[] {
    return pairs.flatMap(([src, dst]) => {
      const b = placed(src, dst);
      const verdict = judge(b);
      const faults = faultsOf(src, dst);
      const fine = faults.size > 0 ? faults.has(nameOf(verdict) as DropName) : verdict === Drop.none && isRight(src, dst);
      const untouched = Buffer.compare(b, placed(src, dst)) === 0;
      return fine && untouched ? [] : [`${src.text} > ${dst.text}: ${nameOf(verdict)}; expected ${[...faults].join(' or ') || 'none'}`];
    });
  }

  const outer = new Outer();
  const ends = () => `${formatIpv4(outer.local.addr)} ${formatIpv4(outer.remote.addr)}`;

  test.each([false, true])('a customer edge sends what is its own, to the right end (hub and spoke: %s)', (hub) => {
    const role = edge(hub);
    const right = (dst: Inner) => `${local} ${dst.how === 'domain' && !hub ? dst.carries : RELAYS[0]}`;
    expect(
      differences(
        (b) => role.encapsulate(b, OFF, outer, 0),
        sentByEdge,
        (_, dst) => ends() === right(dst),
      ),
    ).toEqual([]);
  });

  test('a customer edge receives what RFC 5969 section 9.2 lets through, and nothing else', () => {
    const role = edge(false);
    outer.local.addr = ip(local);
    const wrong = IPV4.flatMap((remote) => {
      outer.remote.addr = ip(remote);
      return differences(
        (b) => role.decapsulate(b, OFF, outer, 0),
        (src, dst) => receivedByEdge(remote, src, dst),
      ).map((difference) => `${remote}: ${difference}`);
    });
    expect(wrong).toEqual([]);
  });

  test('a border relay sends into the domain whatever is not on its way back', () => {
    const role: Role = new SixRdBorderRelay(node);
    const right = (_: Inner, dst: Inner) => ends() === `${local} ${dst.carries}`;
    expect(differences((b) => role.encapsulate(b, OFF, outer, 0), sentByRelay, right)).toEqual([]);
  });

  test('a border relay receives what carries its sender, all 32 bits of it, and nothing else', () => {
    const role: Role = new SixRdBorderRelay(node);
    outer.local.addr = ip(local);
    const wrong = IPV4.flatMap((remote) => {
      outer.remote.addr = ip(remote);
      return differences(
        (b) => role.decapsulate(b, OFF, outer, 0),
        (src, dst) => receivedByRelay(remote, src, dst),
      ).map((difference) => `${remote}: ${difference}`);
    });
    expect(wrong).toEqual([]);
  });

  test('both claim the packets in which either end is in the domain', () => {
    const inside = pairs.filter(([src, dst]) => src.how === 'domain' || dst.how === 'domain');
    for (const role of [edge(false), new SixRdBorderRelay(node)])
      expect(pairs.filter(([src, dst]) => role.claims(placed(src, dst), OFF))).toEqual(inside);
  });
});
