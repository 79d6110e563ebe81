import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import {
  describeResult,
  MAPPING_NONCE_LEN,
  type MappingQuestion,
  PCP_MAP_LEN,
  PCP_PORT,
  PCP_UNSUPPORTED_VERSION,
  PMP_ADDRESS_LEN,
  PMP_MAP_LEN,
  readPcpMap,
  readPmpAddress,
  readPmpMap,
  writePcpMap,
  writePmpAddress,
  writePmpMap,
} from '../../src/wire/pcp.js';
import { datagram4 } from '../../src/wire/udp.js';
import { octetsOf, u16s, u32s } from './octet-arrays.js';
import { dissect, tsharkMissing } from './tshark.js';
import { hex, toHex } from './vectors.js';

const QUESTION: MappingQuestion = {
  nonce: hex('00112233445566778899aabb'),
  local: 0xc0a80102,
  port: 40000,
  external: 0xc000020b,
  externalPort: 40001,
  lifetime: 7200,
};
/** RFC 6887 figures 2 and 9, octet by octet. */
const PCP_QUESTION =
  '02010000' +
  '00001c20' +
  '00000000000000000000ffffc0a80102' +
  '00112233445566778899aabb' +
  '11000000' +
  '9c409c41' +
  '00000000000000000000ffffc000020b';
/** Figures 3 and 10: for an hour, at another port. */
const PCP_ANSWER =
  '02810000' +
  '00000e10' +
  '00012345' +
  '0'.repeat(24) +
  '00112233445566778899aabb' +
  '11000000' +
  '9c40c351' +
  '00000000000000000000ffffc000020b';
/** RFC 6886 section 3.3. */
const PMP_ANSWER = '0081000000012345' + '9c40c351' + '00000e10';

function written(len: number, write: (b: Uint8Array) => void): string {
  const b = new Uint8Array(len + 8).fill(0xa5);
  write(b);
  expect(toHex(b.subarray(len))).toBe('a5'.repeat(8));
  return toHex(b.subarray(0, len));
}

/** The answer with some octets changed. */
function changed(text: string, at: number, octets: string): Uint8Array {
  const b = hex(text);
  b.set(hex(octets), at);
  return b;
}

test('a question of PCP is what RFC 6887 draws', () => {
  expect(written(PCP_MAP_LEN, (b) => writePcpMap(b, QUESTION))).toBe(PCP_QUESTION);
});

test('questions of NAT-PMP are what RFC 6886 draws; one that ends a mapping names no outside port', () => {
  expect(written(PMP_MAP_LEN, (b) => writePmpMap(b, QUESTION))).toBe('00010000' + '9c409c41' + '00001c20');
  expect(written(PMP_MAP_LEN, (b) => writePmpMap(b, { ...QUESTION, lifetime: 0 }))).toBe('00010000' + '9c400000' + '00000000');
  expect(written(PMP_ADDRESS_LEN, writePmpAddress)).toBe('0000');
});

test('an answer says what is outside, and for how long', () => {
  expect(readPcpMap(hex(PCP_ANSWER), QUESTION)).toEqual({ result: 0, lifetime: 3600, external: 0xc000020b, externalPort: 50001 });
  expect(readPmpMap(hex(PMP_ANSWER), QUESTION)).toEqual({ result: 0, lifetime: 3600, external: null, externalPort: 50001 });
  expect(readPmpAddress(hex('0080000000012345c000020b'))).toEqual({ result: 0, lifetime: 0, external: 0xc000020b, externalPort: 0 });
});

test('a gateway that knows NAT-PMP only says so to PCP in its own words, which are long enough with four octets', () => {
  expect(readPcpMap(hex('0081000100012345'), QUESTION)?.result).toBe(PCP_UNSUPPORTED_VERSION);
  expect(readPcpMap(hex('00810001'), QUESTION)?.result).toBe(PCP_UNSUPPORTED_VERSION);
});

test('a refusal has a reason in words, and holds for a time', () => {
  expect(readPcpMap(changed(PCP_ANSWER, 3, '02'), QUESTION)).toEqual({ result: 2, lifetime: 3600, external: null, externalPort: 0 });
  expect(readPmpMap(hex('0081000300012345'), QUESTION)).toMatchObject({ result: 3, externalPort: 0 });
  expect([describeResult(3, 'pcp'), describeResult(3, 'nat-pmp'), describeResult(99, 'pcp')]).toEqual([
    'malformed request',
    'network failure',
    'result 99',
  ]);
});

describe('what is no answer to this question', () => {
  test.each([
    ['a question', changed(PCP_ANSWER, 1, '01')],
    ['about another opcode', changed(PCP_ANSWER, 1, '82')],
    ['with another nonce', changed(PCP_ANSWER, 35, 'bc')],
    ['about TCP', changed(PCP_ANSWER, 36, '06')],
    ['about another port', changed(PCP_ANSWER, 40, '9c42')],
    ['of a length that is no multiple of four', hex(`${PCP_ANSWER}00`)],
    ['longer than any', hex(PCP_ANSWER + '00'.repeat(1044))],
  ])('PCP: %s', (_, b) => {
    expect(readPcpMap(b, QUESTION)).toBeNull();
  });

  test.each([
    ['of another version', changed(PMP_ANSWER, 0, '01')],
    ['about TCP', changed(PMP_ANSWER, 1, '82')],
    ['about another port', changed(PMP_ANSWER, 8, '9c42')],
  ])('NAT-PMP: %s', (_, b) => {
    expect(readPmpMap(b, QUESTION)).toBeNull();
    expect(readPmpAddress(b)).toBeNull();
  });

  test('a truncated one, wherever it ends', () => {
    for (let end = 0; end < PCP_MAP_LEN; end++) expect(readPcpMap(hex(PCP_ANSWER).slice(0, end), QUESTION)).toBeNull();
    for (let end = 0; end < PMP_ANSWER.length / 2; end++) expect(readPmpMap(hex(PMP_ANSWER).slice(0, end), QUESTION)).toBeNull();
    for (let end = 0; end < 12; end++) expect(readPmpAddress(hex('0080000000012345c000020b').slice(0, end))).toBeNull();
  });

  test('any octets at all are read without a fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1200 }), (b) => {
        const answers = [readPcpMap(b, QUESTION), readPmpMap(b, QUESTION), readPmpAddress(b)];
        for (const answer of answers) if (answer !== null) expect(answer.externalPort).toBeLessThan(0x10000);
      }),
    );
  });
});

test('tshark reads every question as what was asked', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const question = fc.record({
    nonce: octetsOf(MAPPING_NONCE_LEN),
    local: u32s,
    port: u16s,
    external: u32s,
    externalPort: u16s,
    lifetime: fc.integer({ min: 1, max: 0xffffffff }),
  });
  const questions = fc.sample(question, { numRuns: 40, seed: 6887 });
  const pcp = questions.map((one) => asked(PCP_MAP_LEN, (b) => writePcpMap(b, one)));
  const pmp = questions.map((one) => asked(PMP_MAP_LEN, (b) => writePmpMap(b, one)));
  const map = 'portcontrol.map';
  const pcpFields = [
    'portcontrol.opcode',
    'portcontrol.lifetime_req',
    `${map}.nonce`,
    `${map}.protocol`,
    `${map}.internal_port`,
    `${map}.req_sug_external_port`,
  ];
  const pmpFields = ['nat-pmp.opcode', 'nat-pmp.internal_port', 'nat-pmp.external_port', 'nat-pmp.pml'];
  dissect(pcp, pcpFields).forEach(({ fields, complaints }, i) => {
    const { lifetime, nonce, port, externalPort } = questions[i];
    expect([complaints, fields.map((field, at) => (at === 2 ? field.replaceAll(':', '') : Number(field)))]).toEqual([
      [],
      [1, lifetime, toHex(nonce), 17, port, externalPort],
    ]);
  });
  dissect(pmp, pmpFields).forEach(({ fields, complaints }, i) => {
    const { lifetime, port, externalPort } = questions[i];
    expect([complaints, fields.map(Number)]).toEqual([[], [1, port, externalPort, lifetime]]);
  });
});

/** A question in its datagram. */
function asked(len: number, write: (b: Uint8Array) => void): Uint8Array {
  const [frame] = makeBatch(1, HEADROOM + 128);
  write(frame.b.subarray(frame.off));
  frame.end = frame.off + len;
  frame.remote.addr = 0xc0a80101;
  frame.remote.port = PCP_PORT;
  return datagram4(frame, 0xc0a80102, 40123);
}
