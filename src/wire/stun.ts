/**
 * STUN messages of NAT tests: RFC 8489 sections 5 and 14, RFC 5780 section 7, and RFC 3489 section 11.
 *
 *    0               1               2               3
 *   |0 0|           type            |      length of attributes     |  0
 *   |            magic cookie 2112a442, or more of the              |  4
 *   |                        transaction id                         |  8
 *   | attributes: type, length, value filled up to four octets        20
 *
 * Offsets are octets from the start of the UDP payload. The cookie tells RFC 5389 and later from RFC 3489, whose
 * servers take it for a part of the transaction id and send it back: a request with it is understood by both.
 * Cold: everything that is read is copied out.
 */
import type { Endpoint } from '../core/endpoint.js';
import { copy, put16, put32, u16, u32 } from './octets.js';

/** UDP port of servers. */
export const STUN_PORT = 3478;
/** First four octets of transaction ids since RFC 5389. */
export const STUN_COOKIE = 0x2112a442;
/** Octets in a transaction id, those of the cookie included. */
export const TRANSACTION_LEN = 16;

/** Types of messages. */
export const StunType = { request: 0x0001, response: 0x0101, error: 0x0111 } as const;

/** CHANGE-REQUEST: what of its endpoint a server is to change before it answers. RFC 5780 section 7.2. */
export const Change = { port: 2, address: 4, both: 6 } as const;

/** Types of attributes that are read or written. */
export const StunAttribute = {
  mappedAddress: 0x0001,
  responseAddress: 0x0002,
  changeRequest: 0x0003,
  sourceAddress: 0x0004,
  changedAddress: 0x0005,
  username: 0x0006,
  password: 0x0007,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  reflectedFrom: 0x000b,
  realm: 0x0014,
  nonce: 0x0015,
  messageIntegritySha256: 0x001c,
  xorMappedAddress: 0x0020,
  padding: 0x0026,
  responsePort: 0x0027,
  fingerprint: 0x8028,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
} as const;

/** An IPv4 endpoint in a message; `addr` is unsigned. */
export type StunEndpoint = Pick<Endpoint, 'addr' | 'port'>;

/** A message that was read. */
export interface StunMessage {
  /** One of {@link StunType}, or another one. */
  readonly type: number;
  /** True: without the cookie, RFC 3489. */
  readonly isClassic: boolean;
  /** Sixteen octets, a copy. */
  readonly transaction: Uint8Array;
  /** The sender as the server saw it: XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS. */
  readonly mapped: StunEndpoint | null;
  /** Where the answer was sent from: RESPONSE-ORIGIN, else SOURCE-ADDRESS. */
  readonly origin: StunEndpoint | null;
  /** The server's other address and port: OTHER-ADDRESS, else CHANGED-ADDRESS (0005, as RFC 5780 section 7.4 has it). */
  readonly other: StunEndpoint | null;
  /** Bits of {@link Change}; 0: none are asked for. */
  readonly change: number;
  /** 300..699; 0: the message has none. */
  readonly errorCode: number;
  /** Attributes that have to be understood and are not, RFC 8489 section 6.3: such a message is of no use. */
  readonly unknown: readonly number[];
}

/** A request to be written. */
export interface BindingRequest {
  readonly transaction: Uint8Array;
  /** Bits of {@link Change}. */
  readonly change: number;
  /** The port of the sender's address that the answer is to go to, RFC 5780 section 7.5; absent: the one that it came from. */
  readonly responsePort?: number;
}

/** An answer to be written. */
export interface BindingResponse {
  readonly transaction: Uint8Array;
  readonly mapped: StunEndpoint;
  readonly origin: StunEndpoint;
  /** null: the server has only one address. */
  readonly other: StunEndpoint | null;
}

const LENGTH = 2;
const TRANSACTION = 4;
const ATTRIBUTES = 20;
const HEAD_LEN = 4;
const ADDRESS_LEN = 8;
const PORT_LEN = 2;
const FAMILY_IPV4 = 1;
const FINGERPRINT_LEN = 4;
const FINGERPRINT_XOR = 0x5354554e;
/** Types from here on may be passed over by who does not know them. */
const OPTIONAL = 0x8000;
const KNOWN: ReadonlySet<number> = new Set(Object.values(StunAttribute));

/**
 * Reads the message that `b[off..end)` is, no octet more or less; null when it is none: a wrong length, an attribute
 * that leaves it or has another length than its type, an address that is not IPv4, a FINGERPRINT that is not the last or
 * does not match. Of attributes that are there twice the first counts, RFC 8489 section 14.
 */
export function readStun(b: Uint8Array, off: number, end: number): StunMessage | null {
  if (end - off < ATTRIBUTES || b[off] >>> 6 !== 0) return null;
  const len = u16(b, off + LENGTH);
  if (len % 4 !== 0 || len !== end - off - ATTRIBUTES) return null;
  const values = new Map<number, number>();
  for (let at = off + ATTRIBUTES; at < end; ) {
    const type = u16(b, at);
    const size = u16(b, at + LENGTH);
    const next = at + HEAD_LEN + ((size + 3) & ~3);
    if (next > end || !hasItsLength(type, size)) return null;
    if (type === StunAttribute.fingerprint && !(next === end && u32(b, at + HEAD_LEN) === fingerprint(b, off, at))) return null;
    if (!values.has(type)) values.set(type, at + HEAD_LEN);
    at = next;
  }
  const { xorMappedAddress, mappedAddress, responseOrigin, sourceAddress, otherAddress, changedAddress } = StunAttribute;
  for (const type of ADDRESSES) {
    const at = values.get(type);
    if (at !== undefined && b[at + 1] !== FAMILY_IPV4) return null;
  }
  const endpoint = (type: number, mask = 0): StunEndpoint | null => {
    const at = values.get(type);
    return at === undefined ? null : { port: u16(b, at + 2) ^ (mask >>> 16), addr: (u32(b, at + 4) ^ mask) >>> 0 };
  };
  const change = values.get(StunAttribute.changeRequest);
  const error = values.get(StunAttribute.errorCode);
  return {
    type: u16(b, off),
    isClassic: u32(b, off + TRANSACTION) !== STUN_COOKIE,
    transaction: b.slice(off + TRANSACTION, off + ATTRIBUTES),
    mapped: endpoint(xorMappedAddress, STUN_COOKIE) ?? endpoint(mappedAddress),
    origin: endpoint(responseOrigin) ?? endpoint(sourceAddress),
    other: endpoint(otherAddress) ?? endpoint(changedAddress),
    change: change === undefined ? 0 : u32(b, change) & Change.both,
    errorCode: error === undefined ? 0 : (b[error + 2] & 7) * 100 + b[error + 3],
    unknown: [...values.keys()].filter((type) => type < OPTIONAL && !KNOWN.has(type)),
  };
}

/** Writes a Binding Request at `at`, with CHANGE-REQUEST and RESPONSE-PORT where they are asked for, and returns its end: 20, 28 or 36 octets on. */
export function writeBindingRequest(out: Uint8Array, at: number, { transaction, change, responsePort }: BindingRequest): number {
  writeHead(out, at, StunType.request, transaction);
  let next = at + ATTRIBUTES;
  if (change !== 0) {
    put16(out, next, StunAttribute.changeRequest);
    put16(out, next + LENGTH, 4);
    put32(out, next + HEAD_LEN, change);
    next += HEAD_LEN + 4;
  }
  if (responsePort !== undefined) {
    put16(out, next, StunAttribute.responsePort);
    put16(out, next + LENGTH, PORT_LEN);
    put32(out, next + HEAD_LEN, responsePort << 16); // two octets fill it up to four
    next += HEAD_LEN + 4;
  }
  return finish(out, at, next);
}

/**
 * Writes a Binding Response at `at` and returns its end, at most 92 octets on: that of RFC 5780 with FINGERPRINT, or,
 * where the transaction id does not begin with the cookie, that of RFC 3489.
 */
export function writeBindingResponse(out: Uint8Array, at: number, { transaction, mapped, origin, other }: BindingResponse): number {
  const isClassic = u32(transaction, 0) !== STUN_COOKIE;
  writeHead(out, at, StunType.response, transaction);
  let next = writeAddress(out, at + ATTRIBUTES, StunAttribute.mappedAddress, mapped, 0);
  if (!isClassic) next = writeAddress(out, next, StunAttribute.xorMappedAddress, mapped, STUN_COOKIE);
  next = writeAddress(out, next, isClassic ? StunAttribute.sourceAddress : StunAttribute.responseOrigin, origin, 0);
  if (other !== null) next = writeAddress(out, next, isClassic ? StunAttribute.changedAddress : StunAttribute.otherAddress, other, 0);
  if (isClassic) return finish(out, at, next);
  put16(out, next, StunAttribute.fingerprint);
  put16(out, next + LENGTH, FINGERPRINT_LEN);
  const last = finish(out, at, next + HEAD_LEN + FINGERPRINT_LEN);
  put32(out, next + HEAD_LEN, fingerprint(out, at, next));
  return last;
}

const ADDRESSES: readonly number[] = [
  StunAttribute.mappedAddress,
  StunAttribute.xorMappedAddress,
  StunAttribute.sourceAddress,
  StunAttribute.responseOrigin,
  StunAttribute.changedAddress,
  StunAttribute.otherAddress,
];

function hasItsLength(type: number, size: number): boolean {
  if (ADDRESSES.includes(type)) return size === ADDRESS_LEN;
  if (type === StunAttribute.changeRequest) return size === 4;
  if (type === StunAttribute.fingerprint) return size === FINGERPRINT_LEN;
  return type !== StunAttribute.errorCode || size >= 4;
}

function writeHead(out: Uint8Array, at: number, type: number, transaction: Uint8Array): void {
  put16(out, at, type);
  copy(transaction, 0, out, at + TRANSACTION, TRANSACTION_LEN);
}

/** Writes the length of what ends at `end`, and returns `end`. */
function finish(out: Uint8Array, at: number, end: number): number {
  put16(out, at + LENGTH, end - at - ATTRIBUTES);
  return end;
}

function writeAddress(out: Uint8Array, at: number, type: number, { addr, port }: StunEndpoint, mask: number): number {
  put16(out, at, type);
  put16(out, at + LENGTH, ADDRESS_LEN);
  put16(out, at + HEAD_LEN, FAMILY_IPV4);
  put16(out, at + HEAD_LEN + 2, port ^ (mask >>> 16));
  put32(out, at + HEAD_LEN + 4, addr ^ mask);
  return at + HEAD_LEN + ADDRESS_LEN;
}

/** FINGERPRINT over `b[off..end)`, which is what is in front of it: CRC-32 of ITU-T V.42, RFC 8489 section 14.7. */
function fingerprint(b: Uint8Array, off: number, end: number): number {
  let crc = 0xffffffff;
  for (let i = off; i < end; i++) {
    crc ^= b[i];
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return (~crc ^ FINGERPRINT_XOR) >>> 0;
}
