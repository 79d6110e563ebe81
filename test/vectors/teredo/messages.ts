/** Teredo messages put together from their fields, RFC 4380 sections 4 and 5.1.1 and RFC 6081 section 4, for vectors. */
import { createHmac } from 'node:crypto';
import { packet } from '../../wire/vectors.js';
import { address, be16, be32, hex, ipv6, join, Next } from '../compose.js';

const NOTHING = new Uint8Array(0);

/** The UDP payload of a frame of the shared capture. */
export const payloadOf = (frame: string): Uint8Array => packet(frame).slice(28);

/** Port and IPv4 address of `address:port`, inverted. */
function inverted(endpoint: string): Uint8Array {
  const [addr, port] = endpoint.split(':');
  return Uint8Array.of(...be16(Number(port)), ...address(addr)).map((octet) => octet ^ 0xff);
}

/** An origin indication: the server saw `endpoint`. */
export const origin = (endpoint: string): Uint8Array => join(hex('0000'), inverted(endpoint));

/** The nonce of a node whose chance is 0. */
export const ZEROS = '0000000000000000';

/** An authentication without a key. */
export const nonceHeader = (nonce = ZEROS, confirmation = 0): Uint8Array => join(hex(`00010000${nonce}`), Uint8Array.of(confirmation));

/** An authentication with HMAC-SHA1 over all that follows its value, in front of `rest`: RFC 4380 section 5.2.2. */
export function signed(identifier: string, secret: string, rest: Uint8Array, nonce = ZEROS, confirmation = 0): Uint8Array {
  const covered = join(hex(nonce), Uint8Array.of(confirmation), rest);
  const name = new TextEncoder().encode(identifier);
  const value = createHmac('sha1', secret).update(covered).digest();
  return join(hex('0001'), Uint8Array.of(name.length, value.length), name, value, covered);
}

/** The address of the client that `server` sees at `endpoint`. */
export function teredo(server: string, endpoint: string, flags = 0): string {
  const octets = Uint8Array.of(...be32(0x20010000), ...address(server), ...be16(flags), ...inverted(endpoint));
  return Array.from({ length: 8 }, (_, i) => (octets[2 * i] * 256 + octets[2 * i + 1]).toString(16)).join(':');
}

/** A bubble, RFC 4380 section 2.8. */
export const bubble = (src: string, dst: string, hopLimit = 255): Uint8Array => ipv6({ src, dst, hopLimit }, Next.none, NOTHING);

/** A nonce trailer, of a node whose chance is 0 unless it is said: RFC 6081 section 4.2. */
export const nonceTrailer = (nonce = '00000000'): Uint8Array => hex(`0104${nonce}`);
