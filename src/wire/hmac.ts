/** HMAC-SHA1, RFC 2104, as Teredo signs with it: of a kept library, since it is no business of ours. Cold: it allocates. */
import { hmac } from '@noble/hashes/hmac';
import { sha1 } from '@noble/hashes/legacy';
import type { Hmac } from './teredo.js';

/** See {@link Hmac}. */
export const hmacSha1: Hmac = (key, b, off, end, out, outOff) => out.set(hmac(sha1, key, b.subarray(off, end)), outOff);
