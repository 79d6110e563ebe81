import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress, parseSubnet } from '../../src/sim/address.js';
import type { Interface } from '../../src/sim/interface.js';
import { labelOf, selectSource } from '../../src/sim/source-selection.js';

const NOW = 1000;

/** An interface with addresses; a deprecated one is marked by `!`. */
function interfaceWith(...addresses: string[]): Interface {
  const parsed = addresses.map((text) => ({
    ...parseSubnet(text.replace('!', '')),
    preferredUntil: text.endsWith('!') ? 0 : Infinity,
    validUntil: Infinity,
  }));
  return { isUp: true, addresses: parsed } as unknown as Interface;
}

function choose(out: Interface, others: readonly Interface[], to: string): string | null {
  const octets = parseAddress(to);
  const source = selectSource([out, ...others], out, octets, 0, octets.length, NOW);
  return source === null ? null : formatAddress(source);
}

describe('the examples of RFC 6724 section 10.1', () => {
  test.each([
    ['2001:db8:1::1', ['2001:db8:3::1/64', 'fe80::1/64'], '2001:db8:3::1', 'prefer appropriate scope'],
    ['ff05::1', ['2001:db8:3::1/64', 'fe80::1/64'], '2001:db8:3::1', 'prefer appropriate scope'],
    ['2001:db8:1::1', ['2001:db8:1::1/64!', '2001:db8:2::1/64'], '2001:db8:1::1', 'prefer same address'],
    ['fe80::1', ['fe80::2/64!', '2001:db8:1::1/64'], 'fe80::2', 'prefer appropriate scope'],
    ['2001:db8:1::1', ['2001:db8:1::2/64', '2001:db8:3::2/64'], '2001:db8:1::2', 'longest matching prefix'],
    [
      '2002:c633:6401::1',
      ['2002:c633:6401::d5e3:7953:13eb:22e8/64', '2001:db8:1::2/64'],
      '2002:c633:6401:0:d5e3:7953:13eb:22e8',
      'prefer matching label',
    ],
  ])('to %s from %j: %s (%s)', (to, addresses, expected) => {
    expect(choose(interfaceWith(...addresses), [], to)).toBe(expected);
  });
});

test('the interface that the packet leaves by comes before the label, and after deprecation', () => {
  expect(choose(interfaceWith('2001:db8:1::2/64'), [interfaceWith('2002:c000:201::1/128')], '2002:c633:6401::1')).toBe('2001:db8:1::2');
  expect(choose(interfaceWith('2001:db8:1::2/64!'), [interfaceWith('2002:c000:201::1/128')], '2001:db8:9::1')).toBe('2002:c000:201::1');
});

test('bits in common count up to the prefix length only; where nothing decides, the first address is taken', () => {
  const on = interfaceWith('2001:db8:1::2/64', '2001:db8:1:0:d5e3:7953:13eb:22e8/64');
  expect(choose(on, [], '2001:db8:1::d5e3:0:0:1')).toBe('2001:db8:1::2');
});

test('a deprecated address is used where there is no other, one that is no longer valid is not', () => {
  expect(choose(interfaceWith('2002:c000:201::1/64!'), [], '2001:db8::1')).toBe('2002:c000:201::1');
  const gone = {
    isUp: true,
    addresses: [{ ...parseSubnet('2001:db8::2/64'), preferredUntil: 1, validUntil: NOW }],
  } as unknown as Interface;
  expect(choose(gone, [], '2001:db8::1')).toBe(null);
});

test('IPv4 prefers the interface that the packet leaves by, then the subnet of the destination', () => {
  expect(choose(interfaceWith('192.0.2.1/24', '198.51.100.1/24'), [interfaceWith('203.0.113.1/24')], '198.51.100.9')).toBe('198.51.100.1');
  expect(choose(interfaceWith('192.0.2.1/24'), [interfaceWith('203.0.113.1/24')], '203.0.113.9')).toBe('192.0.2.1');
});

test('labels are those of RFC 6724 section 2.1', () => {
  const labels = ['::1', '2001:db8::1', '::ffff:192.0.2.1', '2002::1', '2001::1', 'fc00::1', 'fd00::1', 'fec0::1', '3ffe::1', '::2'];
  expect(labels.map((text) => labelOf(parseAddress(text), 0))).toEqual([0, 1, 4, 2, 5, 13, 13, 11, 12, 3]);
});
