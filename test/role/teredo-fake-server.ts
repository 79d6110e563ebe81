/**
 * A Teredo server in hex text, written from RFC 4380 sections 5.1.1, 5.2.2 and 5.3.2 and RFC 4861 section 4.2, with nothing
 * of `src/wire`: what it says can be wrong in any part.
 */
import { createHmac } from 'node:crypto';

/** Who signs, and with what; octets in hex. */
export interface Key {
  readonly identifier: string;
  readonly secret: string;
}

/** A solicitation as the server reads it, octets in hex. */
export interface Question {
  readonly nonce: string;
  readonly source: string;
  /** null: there is no authentication value. */
  readonly identifier: string | null;
}

/** An answer; octets in hex. */
export interface Answer {
  /** null: no authentication header. */
  readonly nonce: string | null;
  readonly confirmation: string;
  /** null: not signed. */
  readonly key: Key | null;
  /** `address:port`; null: no origin indication. */
  readonly origin: string | null;
  readonly source: string;
  readonly destination: string;
  readonly hopLimit: string;
  readonly code: string;
  /** The prefix information options: 8 octets of prefix each, and its length in bits. */
  readonly prefixes: readonly (readonly [prefix: string, len: string])[];
  /** Added to the right checksum. */
  readonly skew: number;
}

const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const hex16 = (n: number): string => (n & 0xffff).toString(16).padStart(4, '0');
/** `192.0.2.1` in hex. */
export const hex4 = (address: string): string => Buffer.from(address.split('.').map(Number)).toString('hex');

/** RFC 1071 over whole 16-bit words. */
function checksum(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i += 4) sum += Number.parseInt(text.slice(i, i + 4), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum ^ 0xffff;
}

/** RFC 8200 section 8.1; the checksum field of `icmp` is zeros. */
const checksum6 = (source: string, destination: string, icmp: string): number =>
  checksum(`${source}${destination}${hex16(0)}${hex16(icmp.length / 2)}0000003a${icmp}`);

const mac = (key: Key, text: string): string => createHmac('sha1', octets(key.secret)).update(octets(text)).digest('hex');

/** Reads a solicitation to the last octet; throws on anything that RFC 4380 does not have a client send. */
export function readQuestion(payload: string, key: Key | null): Question {
  const identifier = key?.identifier ?? '';
  const head = `0001${hex16((identifier.length / 2) * 256 + (key === null ? 0 : 20))}${identifier}`;
  if (!payload.startsWith(head)) throw new Error(`no authentication header ${head}: ${payload}`);
  const value = payload.slice(head.length, head.length + (key === null ? 0 : 40));
  const signed = payload.slice(head.length + value.length);
  if (key !== null && value !== mac(key, signed)) throw new Error(`wrong authentication value: ${payload}`);
  const nonce = signed.slice(0, 16);
  const source = signed.slice(34, 66);
  const all = 'ff020000000000000000000000000002';
  const icmp = '8500000000000000';
  const rest = `006000000000083aff${source}${all}8500${hex16(checksum6(source, all, icmp))}00000000`;
  if (signed.slice(16) !== rest || !source.startsWith('fe80000000000000')) throw new Error(`no solicitation: ${payload}`);
  return { nonce, source, identifier: key === null ? null : identifier };
}

/** The UDP payload of an answer, and where its IPv6 packet begins. */
export function writeAnswer(a: Answer): { payload: Uint8Array; packet: number } {
  const options = a.prefixes.map(([prefix, len]) => `0304${len}40ffffffffffffffff00000000${prefix}0000000000000000`).join('');
  const body = `0000ffff0000000000000000${options}0501000000000500`;
  const sum = hex16(checksum6(a.source, a.destination, `86${a.code}0000${body}`) + a.skew);
  const icmp = `86${a.code}${sum}${body}`;
  const ipv6 = `60000000${hex16(icmp.length / 2)}3a${a.hopLimit}${a.source}${a.destination}${icmp}`;
  const origin = a.origin === null ? '' : originOf(a.origin);
  const signed = `${a.nonce}${a.confirmation}${origin}${ipv6}`;
  const { identifier, value } = a.key === null ? { identifier: '', value: '' } : { ...a.key, value: mac(a.key, signed) };
  const lens = hex16((identifier.length / 2) * 256 + value.length / 2);
  const text = a.nonce === null ? `${origin}${ipv6}` : `0001${lens}${identifier}${value}${signed}`;
  return { payload: octets(text), packet: (text.length - ipv6.length) / 2 };
}

/** RFC 4380 section 5.1.1: `192.0.2.45:40000` is 0000 63bf 3ffffdd2. */
function originOf(endpoint: string): string {
  const [address, port] = endpoint.split(':');
  const inverted = Array.from(octets(hex4(address)), (x) => x ^ 0xff);
  return `0000${hex16(~Number(port))}${Buffer.from(inverted).toString('hex')}`;
}

/** What a server whose primary address is `primary` says to a client that it sees at `origin`. */
export function answerTo(question: Question, primary: string, origin: string, key: Key | null = null): Answer {
  const inverted = Array.from(octets(hex4(primary)), (x) => x ^ 0xff);
  return {
    nonce: question.nonce,
    confirmation: '00',
    key,
    origin,
    source: `fe80000000000000${'8000f227'}${Buffer.from(inverted).toString('hex')}`,
    destination: question.source,
    hopLimit: 'ff',
    code: '00',
    prefixes: [[`20010000${hex4(primary)}`, '40']],
    skew: 0,
  };
}
