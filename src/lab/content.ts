/** Octets for transfers: the same for everybody, and never the same twice in a row, so that what is lost, doubled or moved shows. */
import { createHash } from 'node:crypto';

/** Octets that a transfer may have. */
export const MAX_CONTENT = 16 << 20;

/** The first `octets` of the stream: xorshift32 from 1, one octet a step. */
export function content(octets: number): Uint8Array<ArrayBuffer> {
  const b = new Uint8Array(octets);
  let state = 1;
  for (let i = 0; i < octets; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    b[i] = state;
  }
  return b;
}

/** SHA-256 in base64, as the fields of RFC 9530 have it. */
export function digestOf(b: Uint8Array): string {
  return createHash('sha256').update(b).digest('base64');
}
