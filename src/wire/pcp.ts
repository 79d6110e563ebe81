/**
 * How a host asks its gateway for an outside port: PCP, RFC 6887 sections 7 and 11, and NAT-PMP before it, RFC 6886.
 *
 *   PCP   0 version 2   1 R, opcode   2 reserved, result in 3    4 lifetime        8 client address (answer: epoch)
 *        24 nonce                    36 protocol                40 inside port    42 outside port    44 outside address
 *   PMP   0 version 0   1 R, opcode   2 answer: result           4 answer: epoch
 *         question: 4 inside port   6 outside port   8 lifetime; answer: 8 inside port   10 outside port   12 lifetime
 *
 * Both speak UDP with port 5351 of the gateway, and either tells a stranger's version from its own by the first octet.
 * Offsets are octets from the start of the UDP payload. Cold: everything that is read is copied out.
 */
import { copy, put16, put32, same, u16, u32 } from './octets.js';

/** UDP port of gateways, RFC 6887 section 19.1. */
export const PCP_PORT = 5351;
/** Octets of the nonce by which a mapping is known to be one's own, RFC 6887 section 11.1. */
export const MAPPING_NONCE_LEN = 12;
/** Octets of a question or answer of PCP about a mapping, without options. */
export const PCP_MAP_LEN = 60;
/** Octets of a question of NAT-PMP about a mapping. */
export const PMP_MAP_LEN = 12;
/** Octets of its question about the outside address. */
export const PMP_ADDRESS_LEN = 2;

/** RFC 6887 section 7.4. In NAT-PMP 1 to 5 say much the same, RFC 6886 section 3.5. */
export const PCP_SUCCESS = 0;
/** The gateway speaks another version. */
export const PCP_UNSUPPORTED_VERSION = 1;

/** Most octets of an answer, RFC 6887 section 7. */
const MOST_LEN = 1100;
const PCP_VERSION = 2;
const PMP_VERSION = 0;
const PCP_MAP = 1;
const PMP_ADDRESS = 0;
const PMP_MAP_UDP = 1;
const ANSWER = 0x80;
const UDP = 17;
const PMP_ANSWER_LEN = 16;
const PMP_ADDRESS_ANSWER_LEN = 12;

/** What is asked for. Addresses are unsigned 32-bit numbers. */
export interface MappingQuestion {
  readonly nonce: Uint8Array;
  /** Where the question leaves from, and what is sent to the mapping is to go. */
  readonly local: number;
  readonly port: number;
  /** What is wanted outside; 0: any. */
  readonly external: number;
  readonly externalPort: number;
  /** Seconds; 0: the mapping is to go. */
  readonly lifetime: number;
}

/** What a gateway says. */
export interface MappingAnswer {
  /** One of `PCP_…`, or another number: see {@link describeResult}. */
  readonly result: number;
  /** Seconds for which the mapping lasts; of a refusal, for which it holds. */
  readonly lifetime: number;
  /** null in a refusal, and in NAT-PMP, which is asked for it by itself. */
  readonly external: number | null;
  /** 0 in a refusal. */
  readonly externalPort: number;
}

/** Writes a question of PCP at `b[0..PCP_MAP_LEN)`. */
export function writePcpMap(b: Uint8Array, question: MappingQuestion): void {
  b.fill(0, 0, PCP_MAP_LEN);
  b[0] = PCP_VERSION;
  b[1] = PCP_MAP;
  put32(b, 4, question.lifetime);
  putMapped(b, 8, question.local);
  copy(question.nonce, 0, b, 24, MAPPING_NONCE_LEN);
  b[36] = UDP;
  put16(b, 40, question.port);
  put16(b, 42, question.externalPort);
  putMapped(b, 44, question.external);
}

/**
 * Reads the answer to `question`; null: it is none. A gateway that speaks NAT-PMP only says so in its own words, which are
 * read as `PCP_UNSUPPORTED_VERSION` (RFC 6887 appendix A).
 */
export function readPcpMap(b: Uint8Array, question: MappingQuestion): MappingAnswer | null {
  if (b.length < 4 || b.length > MOST_LEN || (b[1] & ANSWER) === 0) return null;
  if (b[0] !== PCP_VERSION) return refusal(PCP_UNSUPPORTED_VERSION, 0);
  if (b.length < PCP_MAP_LEN || b.length % 4 !== 0 || b[1] !== (ANSWER | PCP_MAP)) return null;
  if (!same(b, 24, question.nonce, 0, MAPPING_NONCE_LEN) || b[36] !== UDP || u16(b, 40) !== question.port) return null;
  const result = b[3];
  const lifetime = u32(b, 4);
  if (result !== PCP_SUCCESS) return refusal(result, lifetime);
  const isMapped = same(b, 44, MAPPED, 0, MAPPED.length);
  return { result, lifetime, external: isMapped ? u32(b, 44 + MAPPED.length) : null, externalPort: u16(b, 42) };
}

/** Writes a question of NAT-PMP at `b[0..PMP_MAP_LEN)`, RFC 6886 section 3.3; one that ends a mapping names no outside port (section 3.4). */
export function writePmpMap(b: Uint8Array, { port, externalPort, lifetime }: MappingQuestion): void {
  b[0] = PMP_VERSION;
  b[1] = PMP_MAP_UDP;
  put16(b, 2, 0);
  put16(b, 4, port);
  put16(b, 6, lifetime === 0 ? 0 : externalPort);
  put32(b, 8, lifetime);
}

/** Reads the answer to `question`; null: it is none. */
export function readPmpMap(b: Uint8Array, { port }: MappingQuestion): MappingAnswer | null {
  if (b.length < 8 || b[0] !== PMP_VERSION || b[1] !== (ANSWER | PMP_MAP_UDP)) return null;
  const result = u16(b, 2);
  if (result !== PCP_SUCCESS) return refusal(result, 0);
  if (b.length < PMP_ANSWER_LEN || u16(b, 8) !== port) return null;
  return { result, lifetime: u32(b, 12), external: null, externalPort: u16(b, 10) };
}

/** Writes NAT-PMP's question about the outside address at `b[0..PMP_ADDRESS_LEN)`, RFC 6886 section 3.2. */
export function writePmpAddress(b: Uint8Array): void {
  b[0] = PMP_VERSION;
  b[1] = PMP_ADDRESS;
}

/** Reads its answer; null: it is none. */
export function readPmpAddress(b: Uint8Array): MappingAnswer | null {
  if (b.length < 4 || b[0] !== PMP_VERSION || b[1] !== (ANSWER | PMP_ADDRESS)) return null;
  const result = u16(b, 2);
  if (result !== PCP_SUCCESS) return refusal(result, 0);
  if (b.length < PMP_ADDRESS_ANSWER_LEN) return null;
  return { result, lifetime: 0, external: u32(b, 8), externalPort: 0 };
}

/** RFC 6887 section 7.4, in its words. */
const RESULTS: readonly string[] = [
  'success',
  'unsupported version',
  'not authorized',
  'malformed request',
  'unsupported opcode',
  'unsupported option',
  'malformed option',
  'network failure',
  'no resources',
  'unsupported protocol',
  'user exceeded quota',
  'cannot provide external',
  'address mismatch',
  'excessive remote peers',
];

/** The words of RFC 6886 section 3.5, which are others from 3 on. */
const PMP_RESULTS: readonly string[] = [
  'success',
  'unsupported version',
  'not authorized',
  'network failure',
  'no resources',
  'unsupported opcode',
];

/** What a result says, for people. */
export function describeResult(result: number, protocol: 'pcp' | 'nat-pmp'): string {
  return (protocol === 'pcp' ? RESULTS : PMP_RESULTS)[result] ?? `result ${result}`;
}

/** What makes an IPv4 address sixteen octets long, RFC 4291 section 2.5.5.2. */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

function putMapped(b: Uint8Array, off: number, addr: number): void {
  copy(MAPPED, 0, b, off, MAPPED.length);
  put32(b, off + MAPPED.length, addr);
}

function refusal(result: number, lifetime: number): MappingAnswer {
  return { result, lifetime, external: null, externalPort: 0 };
}
