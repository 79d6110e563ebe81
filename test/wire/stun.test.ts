import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Change,
  readStun,
  type StunMessage,
  StunType,
  TRANSACTION_LEN,
  writeBindingRequest,
  writeBindingResponse,
} from '../../src/wire/stun.js';
import { dissect, tsharkMissing } from './tshark.js';
import { hex, packet, toHex } from './vectors.js';

const UDP_PAYLOAD = 28;
const payload = (name: string): Uint8Array => packet(name).slice(UDP_PAYLOAD);
const CLASSIC = Uint8Array.from({ length: TRANSACTION_LEN }, (_, i) => i);
const COOKIED = hex('2112a442b7e7a701bc34d686fa87dfae');
const MAPPED = { addr: 0xc000022d, port: 40010 };
const ORIGIN = { addr: 0xcb00710a, port: 3478 };
const OTHER = { addr: 0xcb00710b, port: 3479 };

/** RFC 5769 section 2.2: a response of another implementation, with SOFTWARE, MESSAGE-INTEGRITY and FINGERPRINT. */
const RFC5769 = hex(
  '0101003c2112a442b7e7a701bc34d686fa87dfae' +
    '8022000b7465737420766563746f7220' +
    '002000080001a147e112a643' +
    '000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7' +
    '80280004c07d4c96',
);

function written(write: (out: Uint8Array, at: number) => number, at = 5): Uint8Array {
  const out = new Uint8Array(128).fill(0xa5);
  const end = write(out, at);
  expect([...out.subarray(0, at), ...out.subarray(end)].every((octet) => octet === 0xa5)).toBe(true);
  return out.slice(at, end);
}

function read(b: Uint8Array): StunMessage | null {
  const room = new Uint8Array(b.length + 64).fill(0xa5);
  room.set(b, 32);
  return readStun(room, 32, 32 + b.length);
}

test.each([
  ['F47: test I', 'stun_test1', 0],
  ['F48: test II, another address and port', 'stun_test2', Change.both],
  ['F49: test III, another port', 'stun_test3', Change.port],
])('RFC 3489 section 10.1, %s', (_name, name, change) => {
  expect(toHex(written((out, at) => writeBindingRequest(out, at, { transaction: CLASSIC, change })))).toBe(toHex(payload(name)));
  expect(read(payload(name))).toMatchObject({ type: StunType.request, isClassic: true, transaction: CLASSIC, change, unknown: [] });
});

test('RFC 3489 section 8.1, F50: the answer to test I', () => {
  const answer = { transaction: CLASSIC, mapped: { addr: 0xc000022d, port: 40010 }, origin: ORIGIN, other: OTHER };
  expect(toHex(written((out, at) => writeBindingResponse(out, at, answer)))).toBe(toHex(payload('stun_response')));
  expect(read(payload('stun_response'))).toEqual({
    type: StunType.response,
    isClassic: true,
    transaction: CLASSIC,
    mapped: MAPPED,
    origin: ORIGIN,
    other: OTHER,
    change: 0,
    errorCode: 0,
    unknown: [],
  });
});

test('RFC 5769 section 2.2: the mapped address is 192.0.2.1:32853, and the fingerprint matches', () => {
  expect(read(RFC5769)).toMatchObject({
    type: StunType.response,
    isClassic: false,
    transaction: COOKIED,
    mapped: { addr: 0xc0000201, port: 32853 },
    origin: null,
    other: null,
    unknown: [],
  });
});

test('no octet that FINGERPRINT covers can change unnoticed, and none of its own value', () => {
  const own = RFC5769.length - 8;
  for (const at of RFC5769.keys()) {
    if (at >= own && at < own + 4) continue; // its type and length: it would be another attribute
    for (const bit of [1, 0x80]) {
      const b = RFC5769.slice();
      b[at] ^= bit;
      expect(read(b), `octet ${at}`).toBeNull();
    }
  }
});

test('what is read is what was written, wherever it lies', () => {
  const endpoint = fc.record({ addr: fc.nat(0xffffffff), port: fc.nat(0xffff) });
  fc.assert(
    fc.property(endpoint, endpoint, fc.option(endpoint), fc.boolean(), fc.nat(30), (mapped, origin, other, isClassic, at) => {
      const transaction = isClassic ? CLASSIC : COOKIED;
      const b = written((out, to) => writeBindingResponse(out, to, { transaction, mapped, origin, other }), at);
      expect(read(b)).toMatchObject({ isClassic, transaction, mapped, origin, other });
    }),
  );
});

test('every proper prefix and every longer datagram is refused', () => {
  for (const message of [payload('stun_response'), payload('stun_test2'), RFC5769]) {
    for (let cut = 0; cut < message.length; cut++) expect(read(message.subarray(0, cut))).toBeNull();
    expect(read(Uint8Array.of(...message, 0, 0, 0, 0))).toBeNull();
  }
});

describe('a response is refused', () => {
  const head = `0101%2112a442b7e7a701bc34d686fa87dfae`;
  const message = (attributes: string): Uint8Array =>
    hex(head.replace('%', (attributes.length / 2).toString(16).padStart(4, '0')) + attributes);
  test.each([
    ['with the two upper bits set', `8${toHex(RFC5769).slice(1)}`],
    ['of a length that is no multiple of four', `010100062112a442b7e7a701bc34d686fa87dfae00200002aabb`],
    ['with an attribute that leaves it', toHex(message('002000100001a147e112a643'))],
    ['with half an attribute head', toHex(message('0020000c0001a147e112a64300200000').slice(0, 34))],
    ['with an IPv6 endpoint of the length of an IPv4 one', toHex(message('002000080002a147e112a643'))],
    ['with a whole IPv6 endpoint', toHex(message(`002000140002a147${'e112a643'.repeat(4)}`))],
    ['with an address of four octets', toHex(message('00010004e112a643'))],
    ['with CHANGE-REQUEST of eight octets', toHex(message('000300080000000600000006'))],
    ['with FINGERPRINT that is not the last', toHex(message('80280004c07d4c96002000080001a147e112a643'))],
    ['with ERROR-CODE of no octets', toHex(message('00090000'))],
  ])('%s', (_what, text) => {
    expect(read(hex(text))).toBeNull();
  });

  test('or at least said to be of no use: what has to be understood is named', () => {
    expect(read(message('7fff000101ffffff002000080001a147e112a643'))).toMatchObject({ unknown: [0x7fff], mapped: { port: 32853 } });
    expect(read(message('ffff000101ffffff'))).toMatchObject({ unknown: [] });
  });

  test('but not for what is there twice: the first counts', () => {
    expect(read(message('002000080001a147e112a643002000080001a146e112a643'))).toMatchObject({ mapped: { port: 32853 } });
  });

  test('OTHER-ADDRESS comes before its old number, and either will do', () => {
    const old = '0005000800010d97cb00710b';
    expect(read(message(old))).toMatchObject({ other: OTHER });
    expect(read(message(`${old}802c000800010d97cb00710c`))).toMatchObject({ other: { ...OTHER, addr: 0xcb00710c } });
  });

  test('an error says its number', () => {
    const error = read(message('000900040000041400000000'.slice(0, 16)));
    expect(error).toMatchObject({ errorCode: 420 });
  });
});

test('arbitrary octets never throw, and are not read outside of their bounds', () => {
  const octets = fc.oneof(fc.uint8Array({ maxLength: 80 }), mutations(RFC5769), mutations(payload('stun_response')));
  fc.assert(
    fc.property(octets, (b) => {
      const wide = new Uint8Array(b.length + 64).fill(0xff);
      wide.set(b, 32);
      expect(readStun(wide, 32, 32 + b.length)).toEqual(readStun(b, 0, b.length));
    }),
  );
});

function mutations(b: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.array(fc.tuple(fc.nat(b.length - 1), fc.nat(255)), { maxLength: 3 }).map((changes) => {
    const out = b.slice();
    for (const [at, octet] of changes) out[at] = octet;
    return out;
  });
}

test.each([
  ['alone', 0, '00270002' + '9c4a0000'],
  ['behind CHANGE-REQUEST', Change.port, '0003000400000002' + '00270002' + '9c4a0000'],
])('RFC 5780 section 7.5: RESPONSE-PORT has two octets and is filled up with zeros, %s', (_where, change, attributes) => {
  const request = written((out, at) => writeBindingRequest(out, at, { transaction: COOKIED, change, responsePort: 40010 }));
  expect(toHex(request)).toBe(`0001${(attributes.length / 2).toString(16).padStart(4, '0')}${toHex(COOKIED)}${attributes}`);
  expect(read(request)).toMatchObject({ type: StunType.request, change, unknown: [] });
});

test('tshark reads what is written', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const ip = packet('stun_response').slice(0, UDP_PAYLOAD);
  const packets = [
    written((out, at) => writeBindingRequest(out, at, { transaction: COOKIED, change: Change.both })),
    written((out, at) => writeBindingResponse(out, at, { transaction: COOKIED, mapped: MAPPED, origin: ORIGIN, other: OTHER })),
    written((out, at) => writeBindingRequest(out, at, { transaction: COOKIED, change: 0, responsePort: 40010 })),
  ].map((b) => inUdp(ip, b));
  const fields = [
    'stun.type',
    'stun.att.change-ip',
    'stun.att.change-port',
    'stun.att.ipv4-xord',
    'stun.att.ipv4',
    'stun.att.crc32.status',
    'stun.att.type',
    'stun.att.length',
  ];
  const [request, response, elsewhere] = dissect(packets, fields);
  expect(request.fields.slice(0, 3)).toEqual(['0x0001', '1', '1']);
  expect(response.fields[0]).toBe('0x0101');
  expect(response.fields[4].split(',').sort()).toEqual(['192.0.2.45', '192.0.2.45', '203.0.113.10', '203.0.113.11']);
  expect(response.fields[5]).toBe('1');
  expect(elsewhere.fields.slice(6)).toEqual(['0x0027', '2']);
  expect([...request.complaints, ...response.complaints, ...elsewhere.complaints]).toEqual([]);
});

/** In the headers of F50, whose checksums then are those of another packet: zero says of UDP's that there is none. */
function inUdp(headers: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(headers.length + b.length);
  out.set(headers);
  out.set(b, headers.length);
  const view = new DataView(out.buffer);
  view.setUint16(2, out.length);
  view.setUint16(24, 8 + b.length);
  view.setUint16(26, 0);
  view.setUint16(10, 0);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += view.getUint16(i);
  view.setUint16(10, ~((sum & 0xffff) + (sum >>> 16)));
  return out;
}
