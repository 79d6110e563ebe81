import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIpv4, formatPrefix6, parsePrefix6 } from '../../src/wire/address.js';
import { OPTION_6RD, readOption212, readWholeOption212, type SixRdOption, writeOption212 } from '../../src/wire/option-212.js';
import { hex, toHex, vectors } from './vectors.js';

/** The option as text, or its fault. */
function read(option: Uint8Array): string {
  const found = readWholeOption212(option);
  return 'fault' in found
    ? found.fault
    : `${formatPrefix6(found.prefix)} ${found.ipv4MaskLen} ${found.borderRelays.map((relay) => formatIpv4(relay)).join(' ')}`;
}

const PREFIX = '20010db8';

/** A whole option by hand: lengths, prefix and relays as hex. */
function option(ipv4MaskLen: number, prefixLen: number, prefix = PREFIX, relays = '0a000001'): Uint8Array {
  const payload = Uint8Array.of(ipv4MaskLen, prefixLen, ...hex(prefix.padEnd(32, '0')), ...hex(relays));
  return Uint8Array.of(OPTION_6RD, payload.length, ...payload);
}

test.each(vectors['6rd_option212'].map((v) => [v.hex, v] as const))('RFC 5969 section 7.1.1: %s', (text, vector) => {
  const found = read(hex(text));
  if (!vector.valid) expect(found).toMatch(/: expected .* \(RFC 5969 section 7\.1\.1\)$/);
  else if (vector['6rdPrefix'] === undefined) expect(found).toMatch(/^2001:db8::\/32 8 10\.0\.0\.1$/);
  else expect(found).toBe(`${vector['6rdPrefix']} ${vector.IPv4MaskLen} ${vector.br?.join(' ')}`);
});

test.each([
  ['nothing', Uint8Array.of(), '0 octets: expected code, length and what they announce (RFC 5969 section 7.1.1)'],
  ['a code alone', hex('d4'), '1 octets: expected code, length and what they announce (RFC 5969 section 7.1.1)'],
  ['code and length alone', hex('d400'), 'length 0: expected at least 22, with one border relay (RFC 5969 section 7.1.1)'],
  ['another code', option(8, 32).fill(43, 0, 1), 'code 43: expected 212 (RFC 5969 section 7.1.1)'],
  ['an octet behind it', Uint8Array.of(...option(8, 32), 0xff), 'length 22: expected 23, the octets that follow (RFC 5969 section 7.1.1)'],
  ['an octet less', option(8, 32).slice(0, -1), 'length 22: expected 21, the octets that follow (RFC 5969 section 7.1.1)'],
  ['no relay', option(8, 32, PREFIX, ''), 'length 18: expected at least 22, with one border relay (RFC 5969 section 7.1.1)'],
  [
    'half a second relay',
    option(8, 32, PREFIX, '0a0000010a00'),
    'length 24: expected 18 and 4 for each border relay, nothing behind (RFC 5969 section 7.1.1)',
  ],
  ['IPv4MaskLen 33', option(33, 32), 'IPv4MaskLen 33: expected 0 to 32 (RFC 5969 section 7.1.1)'],
  ['6rdPrefixLen 129', option(32, 129), '6rdPrefixLen 129: expected 0 to 128 (RFC 5969 section 7.1.1)'],
  ['129 bits together', option(8, 105), '6rdPrefixLen 105 and 24 bits of IPv4: expected at most 128 together (RFC 5969 section 7.1.1)'],
  [
    'all of IPv4 behind 33 bits',
    option(0, 33),
    '6rdPrefixLen 33 with all 32 bits of IPv4: expected a prefix of 32 bits or less (RFC 5969 section 11)',
  ],
  ['relay 0.1.2.3', option(8, 32, PREFIX, '00010203'), 'border relay 0.1.2.3: expected a unicast address (RFC 5969 section 7.1.1)'],
  [
    'relay 127.0.0.1',
    option(8, 32, PREFIX, '0a0000017f000001'),
    'border relay 127.0.0.1: expected a unicast address (RFC 5969 section 7.1.1)',
  ],
  ['relay 224.0.0.1', option(8, 32, PREFIX, 'e0000001'), 'border relay 224.0.0.1: expected a unicast address (RFC 5969 section 7.1.1)'],
  [
    'relay 255.255.255.255',
    option(8, 32, PREFIX, 'ffffffff'),
    'border relay 255.255.255.255: expected a unicast address (RFC 5969 section 7.1.1)',
  ],
])('%s is a fault that says so', (_, octets, fault) => {
  expect(read(octets)).toBe(fault);
});

test.each([
  ['all of IPv4 behind 32 bits', option(0, 32), '2001:db8::/32 0 10.0.0.1'],
  ['31 bits of IPv4 behind 33', option(1, 33), '2001:db8::/33 1 10.0.0.1'],
  ['exactly 128 bits together', option(8, 104), '2001:db8::/104 8 10.0.0.1'],
  ['no bit of IPv4 behind 128', option(32, 128, 'f'.repeat(32)), 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 32 10.0.0.1'],
  ['a prefix of no bits', option(8, 0, 'f'.repeat(32)), '::/0 8 10.0.0.1'],
  ['a length inside an octet', option(11, 31, 'f'.repeat(32)), 'ffff:fffe::/31 11 10.0.0.1'],
  [
    'relays at the edges',
    option(8, 32, PREFIX, '01000000dfffffff7effffff80000000'),
    '2001:db8::/32 8 1.0.0.0 223.255.255.255 126.255.255.255 128.0.0.0',
  ],
])('%s is valid', (_, octets, expected) => {
  expect(read(octets)).toBe(expected);
});

test('as many relays as one option holds are taken; more, which only a split option could bring, are not', () => {
  const payload = (relays: number) => Uint8Array.of(8, 32, ...hex('20010db8'.padEnd(32, '0')), ...hex('0a000001'.repeat(relays)));
  expect(readOption212(payload(59))).toMatchObject({ borderRelays: Array(59).fill(0x0a000001) });
  expect(readOption212(payload(60))).toEqual({ fault: '60 border relays: expected at most 59 (RFC 5969 section 7.1.1)' });
});

test('what is written is the valid vectors to the octet, and zero behind the prefix (6RDCE-04)', () => {
  for (const text of vectors['6rd_option212'].slice(0, 2).map((v) => v.hex)) {
    const found = readWholeOption212(hex(text));
    expect(toHex(writeOption212('fault' in found ? expect.fail(found.fault) : found))).toBe(text);
  }
  const dirty: SixRdOption = { ipv4MaskLen: 8, prefix: { addr: hex('20010db8'.padEnd(32, 'f')), len: 32 }, borderRelays: [0x0a000001] };
  expect(toHex(writeOption212(dirty))).toBe('d416082020010db80000000000000000000000000a000001');
});

test('an option is valid exactly when its numbers are, and its prefix is the first bits, by big integers', () => {
  const lens = fc.integer({ min: 0, max: 140 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), lens, fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (maskLen, prefixLen, bits) => {
      const found = readWholeOption212(option(maskLen, prefixLen, bits.toString(16).padStart(32, '0')));
      const valid = maskLen <= 32 && prefixLen + 32 - maskLen <= 128 && prefixLen <= 128 && (maskLen > 0 || prefixLen <= 32);
      expect('fault' in found).toBe(!valid);
      if ('fault' in found) return;
      const host = 128n - BigInt(prefixLen);
      expect(toHex(found.prefix.addr)).toBe(((bits >> host) << host).toString(16).padStart(32, '0'));
      expect(parsePrefix6(formatPrefix6(found.prefix))).toEqual(found.prefix);
    }),
    { numRuns: 1000 },
  );
});

test('any octets are an option or a fault of one short line', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (b) => {
      const found = readOption212(b);
      if ('fault' in found) expect(found.fault).toMatch(/^[ -~]{1,120}$/);
      else expect(found.borderRelays.length).toBe((b.length - 18) / 4);
    }),
    { numRuns: 1000 },
  );
});
