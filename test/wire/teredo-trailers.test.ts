import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Endpoint } from '../../src/core/endpoint.js';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.js';
import {
  DISCOVERY_TRAILER_LEN,
  Discovery,
  MOST_ALTERNATES,
  NONCE_TRAILER_LEN,
  RANDOM_PORT_TRAILER_LEN,
  readAlternate,
  readTrailers,
  TeredoTrailers,
  TRAILER_NONCE_LEN,
  writeAlternateAddresses,
  writeDiscoveryTrailer,
  writeNonceTrailer,
  writeRandomPort,
} from '../../src/wire/teredo-trailers.js';
import { join } from '../vectors/compose.js';
import { fenced, octetsOf, u16s, written } from './octet-arrays.js';
import { FRAMES } from './teredo-frames.js';
import { hex, toHex, vectors } from './vectors.js';

const SEED = 20261124;
const VALID = vectors.teredo_trailers;

/** What trailers say. */
interface Said {
  readonly nonce: string | null;
  /** `address:port` each; null: there is no list. */
  readonly alternates: readonly string[] | 'malformed' | null;
  readonly discovery: 'solicitation' | 'advertisement' | null;
  readonly randomPort: number | null;
}

const NOTHING: Said = { nonce: null, alternates: null, discovery: null, randomPort: null };
const NONCE: Said = { ...NOTHING, nonce: 'deadbeef' };

/** What `readTrailers` makes of octets in a dirty array, none of which but those may be read. */
function read(trailers: Uint8Array, takesRegisteredPort = false): Said | number {
  const off = 3;
  const end = off + trailers.length;
  const b = new Uint8Array(end + 99).fill(0xa5);
  b.set(trailers, off);
  const into = new TeredoTrailers(takesRegisteredPort);
  into.nonce = into.alternateCount = into.alternates = into.discovery = into.randomPort = 0x5a;
  const fault = readTrailers(fenced(b, off, end), off, end, into);
  if (fault !== Drop.none) return fault;
  const ep = new Endpoint();
  const alternates = Array.from({ length: Math.max(0, into.alternateCount) }, (_, i) => {
    readAlternate(fenced(b, off, end), into.alternates, i, ep);
    return `${formatIpv4(ep.addr)}:${ep.port}`;
  });
  return {
    nonce: into.nonce < 0 ? null : toHex(b.subarray(into.nonce, into.nonce + TRAILER_NONCE_LEN)),
    alternates: into.alternateCount === 0 ? null : into.alternateCount < 0 ? 'malformed' : alternates,
    discovery: into.discovery < 0 ? null : into.discovery === Discovery.solicitation ? 'solicitation' : 'advertisement',
    randomPort: into.randomPort || null,
  };
}

/** The same by RFC 6081 section 4 on hex text: first all trailers, then what each says. */
function reference(trailers: Uint8Array, takesRegisteredPort: boolean): Said | number {
  const list: (readonly [type: number, value: string])[] = [];
  for (let text = toHex(trailers); text.length >= 4; ) {
    const [type, len] = hex(text.slice(0, 4));
    const value = text.slice(4, 4 + 2 * len);
    if (value.length < 2 * len) break;
    list.push([type, value]);
    text = text.slice(4 + 2 * len);
  }
  if (list.some(([type]) => type >= 64 && type < 128)) return Drop.malformed_teredo;
  const first = (types: readonly number[], pattern: RegExp) =>
    list.find(([type, value]) => types.includes(type) && pattern.test(value))?.[1];
  const addresses = first([3], /^/);
  const discovery = first([4], /^0[01].{6}$/);
  const port = first(takesRegisteredPort ? [2, 5] : [5], /^(?!0000).{4}$/);
  return {
    nonce: first([1], /^.{8}$/) ?? null,
    alternates: addresses === undefined ? null : entries(addresses),
    discovery: discovery === undefined ? null : discovery.startsWith('00') ? 'solicitation' : 'advertisement',
    randomPort: port === undefined ? null : Number(`0x${port}`),
  };
}

function entries(value: string): readonly string[] | 'malformed' {
  if (!/^.{4}(.{12}){1,4}$/.test(value)) return 'malformed';
  const list = Array.from(value.slice(4).matchAll(/.{12}/g), ([entry]) => hex(entry));
  const isWrong = (entry: Uint8Array) => [0, 127].includes(entry[0]) || entry[0] >= 224 || (entry[4] === 0 && entry[5] === 0);
  return list.some(isWrong) ? 'malformed' : list.map((entry) => `${[...entry.subarray(0, 4)].join('.')}:${entry[4] * 256 + entry[5]}`);
}

function endpoint(text: string): Endpoint {
  const [addr, port] = text.split(':');
  const ep = new Endpoint();
  ep.addr = parseIpv4(addr) ?? expect.fail(text);
  ep.port = Number(port);
  return ep;
}

const listOf =
  (...endpoints: string[]) =>
  (b: Uint8Array, at: number) =>
    writeAlternateAddresses(b, at, endpoints.map(endpoint));
const nonceOf = (text: string) => (b: Uint8Array, at: number) => writeNonceTrailer(b, at, hex(`a5${text}`), 1);

test.each<[string, number, (b: Uint8Array, at: number) => number, Partial<Said>]>([
  ['nonce', NONCE_TRAILER_LEN, nonceOf('deadbeef'), { nonce: 'deadbeef' }],
  ['alternate_address_1', 10, listOf('192.168.1.10:40000'), { alternates: ['192.168.1.10:40000'] }],
  ['alternate_address_2', 16, listOf('192.168.1.10:40000', '100.64.0.9:40000'), { alternates: ['192.168.1.10:40000', '100.64.0.9:40000'] }],
  ['nd_solicit', DISCOVERY_TRAILER_LEN, (b, at) => writeDiscoveryTrailer(b, at, Discovery.solicitation), { discovery: 'solicitation' }],
  ['nd_advert', DISCOVERY_TRAILER_LEN, (b, at) => writeDiscoveryTrailer(b, at, Discovery.advertisement), { discovery: 'advertisement' }],
  ['random_port_0x05', RANDOM_PORT_TRAILER_LEN, (b, at) => writeRandomPort(b, at, 51234), { randomPort: 51234 }],
])('%s is written as the vector has it, and read', (name, len, write, said) => {
  expect(toHex(written(len, write))).toBe(VALID[name]);
  expect(read(hex(VALID[name]))).toEqual({ ...NOTHING, ...said });
});

test('a random port of the type that IANA lists is read only where that is asked for', () => {
  const trailer = hex(VALID.random_port_0x02_iana);
  expect([read(trailer), read(trailer, true)]).toEqual([NOTHING, { ...NOTHING, randomPort: 51234 }]);
});

test('frames 22 to 24 carry what they were made of', () => {
  expect(FRAMES.flatMap(({ trailers }) => (trailers === undefined ? [] : [read(hex(trailers))]))).toEqual([
    { ...NONCE, randomPort: 51234 },
    { ...NONCE, alternates: ['192.168.1.10:40000'] },
    { ...NOTHING, discovery: 'solicitation' },
  ]);
});

/** What is to become of each bad or unknown trailer of the shared vectors. */
const BAD: Readonly<Record<string, Said | number>> = {
  '01': NOTHING,
  '0104dead': NOTHING,
  '4100': Drop.malformed_teredo,
  '8102ffff0104deadbeef': NONCE,
  '0b000104deadbeef': NONCE,
  c100: NOTHING,
  '030700000101010101': { ...NOTHING, alternates: 'malformed' },
  '03080000c0a8010a0000': { ...NOTHING, alternates: 'malformed' },
};

test.each(vectors.teredo_trailers_bad)('$hex: $why', ({ hex: text }) => {
  expect(text in BAD).toBe(true);
  expect(read(hex(text))).toEqual(BAD[text]);
});

const ENTRY = 'c0a8010a9c40';

test.each<[string, string, Said | number]>([
  ['no trailers', '', NOTHING],
  ['a cut trailer behind a whole one', '0104deadbeef0502c8', NONCE],
  ['one octet behind a whole one', '0104deadbeef05', NONCE],
  ['a trailer that discards the packet, but is cut', '0104deadbeef7f01', NONCE],
  ['a trailer that discards the packet behind others', '0104deadbeef0b007f00', Drop.malformed_teredo],
  ['a nonce of three octets, then one of four', '0103dead010104deadbeef', NONCE],
  ['a nonce of five octets', '0105deadbeef01', NOTHING],
  ['two nonces', '0104deadbeef010400000000', NONCE],
  ['a random port 0', '05020000', NOTHING],
  ['a random port of four octets', '05040000c822', NOTHING],
  ['two random ports', '0502c82205020001', { ...NOTHING, randomPort: 51234 }],
  ['neighbor discovery of type 2', '040402000000', NOTHING],
  ['neighbor discovery of one octet', '040100', NOTHING],
  ['neighbor discovery with reserved octets set', '040401ffffff', { ...NOTHING, discovery: 'advertisement' }],
  ['a list with reserved octets set', `0308ffff${ENTRY}`, { ...NOTHING, alternates: ['192.168.1.10:40000'] }],
  ['a list of nothing', '03020000', { ...NOTHING, alternates: 'malformed' }],
  ['a list of no octets', '0300', { ...NOTHING, alternates: 'malformed' }],
  ['a list of four', `031a0000${ENTRY.repeat(4)}`, { ...NOTHING, alternates: Array(MOST_ALTERNATES).fill('192.168.1.10:40000') }],
  ['a list of five, RFC 6081 section 7', `03200000${ENTRY.repeat(5)}`, { ...NOTHING, alternates: 'malformed' }],
  ['a malformed list, then a good one', `03020000${VALID.alternate_address_1}`, { ...NOTHING, alternates: 'malformed' }],
  ['a list with loopback', `030e0000${ENTRY}7f0000019c40`, { ...NOTHING, alternates: 'malformed' }],
  ['a list with a group', '03080000e00000fd9c40', { ...NOTHING, alternates: 'malformed' }],
  ['a list with limited broadcast', '03080000ffffffff9c40', { ...NOTHING, alternates: 'malformed' }],
  ['a list with the unspecified address', '03080000000000009c40', { ...NOTHING, alternates: 'malformed' }],
])('%s', (_, text, expected) => {
  expect(read(hex(text))).toEqual(expected);
});

/** A trailer, mostly one that is nearly right. */
const trailer = fc
  .tuple(
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(1, 2, 3, 4, 5) }, fc.nat(255)),
    fc.oneof(fc.constantFrom(2, 4, 8, 14, 20, 26), fc.nat(32)),
    octetsOf(32),
    fc.boolean(),
  )
  .map(([type, len, value, isList]) => {
    if (isList) value.set(hex(`0000${ENTRY.repeat(5)}`));
    return join(Uint8Array.of(type, len), value.subarray(0, len));
  });

test('trailers in any order, cut anywhere: what the RFC says of them, and nothing outside is read', () => {
  fc.assert(
    fc.property(fc.array(trailer, { maxLength: 8 }), fc.nat(40), fc.boolean(), (list, cut, takesRegisteredPort) => {
      const whole = join(...list);
      const b = whole.subarray(0, Math.max(0, whole.length - Math.max(0, cut - 20)));
      expect(read(b, takesRegisteredPort)).toEqual(reference(b, takesRegisteredPort));
    }),
    { seed: SEED, numRuns: 10_000 },
  );
});

test('random octets: what the RFC says of them, and nothing outside is read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (b) => {
      expect(read(b)).toEqual(reference(b, false));
    }),
    { seed: SEED, numRuns: 5_000 },
  );
});

test('as many trailers as a datagram holds end in the last one', () => {
  const b = join(...Array(30_000).fill(hex('0b00')), hex(VALID.nonce));
  expect(read(b)).toEqual(NONCE);
});

test('whatever is written is read by the reference', () => {
  const unicast = fc.integer({ min: 0x01000000, max: 0x7effffff }).map(formatIpv4);
  const port = fc.integer({ min: 1, max: 0xffff });
  const lists = fc.array(
    fc.tuple(unicast, port).map(([addr, at]) => `${addr}:${at}`),
    { minLength: 1, maxLength: MOST_ALTERNATES },
  );
  fc.assert(
    fc.property(lists, octetsOf(TRAILER_NONCE_LEN), port, u16s, (alternates, nonce, randomPort, odd) => {
      const discovery = odd & 1;
      const len = 4 + 6 * alternates.length + NONCE_TRAILER_LEN + DISCOVERY_TRAILER_LEN + RANDOM_PORT_TRAILER_LEN;
      const b = written(len, (out, at) =>
        writeRandomPort(
          out,
          writeDiscoveryTrailer(out, writeNonceTrailer(out, listOf(...alternates)(out, at), nonce, 0), discovery),
          randomPort,
        ),
      );
      const said = { nonce: toHex(nonce), alternates, discovery: discovery === 0 ? 'solicitation' : 'advertisement', randomPort };
      expect(reference(b, false)).toEqual(said);
    }),
    { seed: SEED, numRuns: 500 },
  );
});
