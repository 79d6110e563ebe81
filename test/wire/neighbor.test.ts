import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  isNeighborAdvertisement,
  isNeighborSolicitation,
  isSolicited,
  NEIGHBOR_MESSAGE_LEN,
  TARGET,
  writeNeighborAdvertisement,
  writeNeighborSolicitation,
} from '../../src/wire/neighbor.js';
import { address, icmp6 } from '../vectors/compose.js';
import { fenced, octetsOf, written } from './octet-arrays.js';
import { dissect, tsharkMissing } from './tshark.js';
import { hex, toHex } from './vectors.js';

const HOST = 'fe80::5efe:c000:205';
const PEER = '2001:db8:0:1:0:5efe:c000:206';
const LINK_ADDRESS = '0101020000000001';

interface Fields {
  readonly src?: string;
  readonly dst?: string;
  readonly hopLimit?: number;
  readonly code?: number;
  readonly flags?: string;
  readonly target?: string;
  readonly options?: string;
}

/** A message put together without the project's own code. */
function message(
  type: number,
  { src = HOST, dst = PEER, hopLimit = 255, code = 0, flags = '00000000', target = PEER, options = '' }: Fields,
): Uint8Array {
  return icmp6({ src, dst, hopLimit }, type, code, Uint8Array.of(...hex(flags), ...address(target), ...hex(options)));
}

const solicitation = (fields: Fields = {}) => message(135, fields);
const advertisement = (fields: Fields = {}) => message(136, { src: PEER, dst: HOST, flags: '40000000', ...fields });
const isNs = (b: Uint8Array) => isNeighborSolicitation(fenced(b, 0, b.length), 0, b.length);
const isNa = (b: Uint8Array) => isNeighborAdvertisement(fenced(b, 0, b.length), 0, b.length);

test.each([
  ['of a unicast target', solicitation(), true],
  ['with options, known and unknown', solicitation({ options: `${LINK_ADDRESS}fe01a5a5a5a5a5a5` }), true],
  ['of a multicast target', solicitation({ target: 'ff02::1' }), false],
  ['from no address, to the group of its target', solicitation({ src: '::', dst: 'ff02::1:ff00:206' }), true],
  ['from no address, to an address', solicitation({ src: '::' }), false],
  ['from no address, to another group', solicitation({ src: '::', dst: 'ff02::1' }), false],
  ['from no address, with a link-layer address', solicitation({ src: '::', dst: 'ff02::1:ff00:206', options: LINK_ADDRESS }), false],
  ['of code 1', solicitation({ code: 1 }), false],
  ['of hop limit 254', solicitation({ hopLimit: 254 }), false],
  ['with an option of length 0', solicitation({ options: 'fe00a5a5a5a5a5a5' }), false],
  ['with an option that is cut', solicitation({ options: 'fe02a5a5a5a5a5a5' }), false],
  ['that is an advertisement', advertisement(), false],
])('RFC 4861 section 7.1.1: a solicitation %s', (_, b, expected) => {
  expect(isNs(b)).toBe(expected);
});

test.each([
  ['that was asked for', advertisement(), true],
  ['that nobody asked for', advertisement({ flags: '20000000' }), true],
  ['to all nodes', advertisement({ dst: 'ff02::1', flags: '20000000' }), true],
  ['to all nodes that claims to be an answer', advertisement({ dst: 'ff02::1' }), false],
  ['of a multicast target', advertisement({ target: 'ff02::1' }), false],
  ['of code 1', advertisement({ code: 1 }), false],
  ['of hop limit 254', advertisement({ hopLimit: 254 }), false],
  ['with an option of length 0', advertisement({ options: '0200a5a5a5a5a5a5' }), false],
  ['that is a solicitation', solicitation(), false],
])('RFC 4861 section 7.1.2: an advertisement %s', (_, b, expected) => {
  expect(isNa(b)).toBe(expected);
});

test('the flag that says so tells an answer from news', () => {
  expect([isSolicited(advertisement(), 0), isSolicited(advertisement({ flags: 'a0000000' }), 0)]).toEqual([true, false]);
});

test('what is written is, to the octet, what the RFC draws', () => {
  const ns = written(NEIGHBOR_MESSAGE_LEN, (out, at) => writeNeighborSolicitation(out, at, address(HOST), address(PEER), 0));
  expect(toHex(ns)).toBe(toHex(solicitation()));
  for (const [isRouter, flags] of [
    [false, '40000000'],
    [true, 'c0000000'],
  ] as const) {
    const na = written(NEIGHBOR_MESSAGE_LEN, (out, at) =>
      writeNeighborAdvertisement(out, at, solicitation(), TARGET, solicitation(), 8, isRouter),
    );
    expect(toHex(na)).toBe(toHex(advertisement({ flags })));
  }
});

test('every cut, and every changed bit of what the rules and the checksum cover, is refused', () => {
  for (const [b, valid] of [
    [solicitation(), isNs],
    [advertisement(), isNa],
  ] as const) {
    for (let end = 0; end < b.length; end++) expect([end, valid(b.slice(0, end))]).toEqual([end, false]);
    for (let bit = 0; bit < 8 * b.length; bit++) {
      const covered = bit < 4 || bit >= 32; // traffic class and flow label are anyone's
      const broken = b.slice();
      broken[bit >>> 3] ^= 0x80 >>> (bit & 7);
      expect([bit, valid(broken)]).toEqual([bit, !covered]);
    }
  }
});

test('any octets: an answer, and nothing outside is read', () => {
  fc.assert(
    fc.property(octetsOf(100), fc.nat(100), fc.constantFrom(135, 136), (noise, end, type) => {
      const b = noise.slice(0, end);
      if (end > 40) b.set([0x60, 0, 0, 0, 0, end - 40, 58, 255]);
      if (end > 41) b.set([type, 0], 40);
      expect([typeof isNs(b), typeof isNa(b)]).toEqual(['boolean', 'boolean']);
    }),
    { numRuns: 2_000 },
  );
});

test('tshark reads both without a complaint', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const [ns, na] = [new Uint8Array(NEIGHBOR_MESSAGE_LEN).fill(0xa5), new Uint8Array(NEIGHBOR_MESSAGE_LEN).fill(0xa5)];
  writeNeighborSolicitation(ns, 0, address(HOST), address(PEER), 0);
  writeNeighborAdvertisement(na, 0, ns, TARGET, ns, 8, true);
  const fields = ['icmpv6.type', 'ipv6.dst', 'icmpv6.nd.ns.target_address', 'icmpv6.nd.na.target_address', 'icmpv6.nd.na.flag.r'];
  expect(dissect([ns, na], fields)).toEqual([
    { fields: ['135', PEER, PEER, '', ''], complaints: [] },
    { fields: ['136', HOST, '', PEER, '1'], complaints: [] },
  ]);
});
