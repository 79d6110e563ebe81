/** The Teredo frames of the shared capture, taken apart by hand: RFC 4380 section 5.1.1, RFC 6081 section 4. */
import { createHmac } from 'node:crypto';
import type { Hmac } from '../../src/wire/teredo.js';
import { packet, toHex, vectors } from './vectors.js';

/** What a payload holds, octets in hex; a header that is not there is null. */
export interface Parts {
  readonly authentication: { identifier: string; value: string; nonce: string; confirmation: string } | null;
  /** `address:port`. */
  readonly origin: string | null;
  readonly packet: string;
  readonly trailers: string;
}

/** The secret of secure qualification. */
export const KEY = new TextEncoder().encode(vectors.teredo_hmac.key_ascii);
const IDENTIFIER = toHex(new TextEncoder().encode(vectors.teredo_hmac.client_id_ascii));
export const NONCE = vectors.teredo_hmac.nonce;
export const CLIENT = '2001:0:4136:e378:0:63bf:3fff:fdd2';
export const PEER = '2001:0:4136:e378:2057:efff:39cc:9b89';
const RELAY = '3fff:0:ffff::1';
const MAPPED = '192.0.2.45:40000';

/** A header of a client without a key. */
export const nonceOnly = (nonce: string) => ({ identifier: '', value: '', nonce, confirmation: '00' });
/** A header of the client whose identifier is `IDENTIFIER`. */
const secured = (value: string, confirmation: string) => ({ identifier: IDENTIFIER, value, nonce: NONCE, confirmation });

/** One frame, what is not said being absent. */
export interface TeredoFrame {
  readonly name: string;
  readonly authentication?: Parts['authentication'];
  readonly origin?: string;
  /** The IPv6 packet is a bubble; the hop limit is 255 unless it is said. */
  readonly bubble?: readonly [source: string, destination: string, hopLimit?: number];
  readonly trailers?: string;
}

/** Frames 1 to 24 of the shared capture. */
export const FRAMES: readonly TeredoFrame[] = [
  { name: 'teredo_rs_plain' },
  { name: 'teredo_rs_auth_nonce', authentication: nonceOnly(NONCE) },
  { name: 'teredo_rs_cone_auth_nonce', authentication: nonceOnly(NONCE) },
  { name: 'teredo_rs_auth_hmac', authentication: secured('c691f57ff3b0ce741d6e86937dbc3ea134b5ba10', '00') },
  { name: 'teredo_ra_origin', origin: MAPPED },
  { name: 'teredo_ra_auth_origin', authentication: nonceOnly(NONCE), origin: MAPPED },
  { name: 'teredo_ra_auth_hmac_origin', authentication: secured('077a66a728cdae242fba311c09f73a674c9ad570', '00'), origin: MAPPED },
  { name: 'teredo_ra_auth_hmac_conf1', authentication: secured('3d11a4054c83835ac36060b47f89748e333a3432', '01'), origin: MAPPED },
  { name: 'teredo_ra_cone_reply', authentication: nonceOnly(NONCE), origin: MAPPED },
  { name: 'teredo_ra_symmetric', authentication: nonceOnly('fedcba9876543210'), origin: '192.0.2.45:40001' },
  { name: 'teredo_direct_bubble', bubble: [CLIENT, PEER] },
  { name: 'teredo_indirect_bubble', bubble: [CLIENT, PEER] },
  { name: 'teredo_indirect_bubble_forwarded', origin: MAPPED, bubble: [CLIENT, PEER] },
  { name: 'teredo_reply_direct_bubble', bubble: [PEER, CLIENT] },
  { name: 'teredo_local_discovery', bubble: [CLIENT, 'ff02::1', 1] },
  { name: 'teredo_ping_test' },
  { name: 'teredo_relay_bubble', bubble: [RELAY, CLIENT] },
  { name: 'teredo_relay_bubble_forwarded', origin: '203.0.113.200:3545', bubble: [RELAY, CLIENT] },
  { name: 'teredo_client_opens_relay', bubble: [CLIENT, RELAY] },
  { name: 'teredo_ping_reply' },
  { name: 'teredo_data' },
  { name: 'teredo_indirect_bubble_trailers', bubble: [CLIENT, PEER], trailers: '0104deadbeef0502c822' },
  { name: 'teredo_indirect_bubble_hairpin', bubble: [CLIENT, PEER], trailers: '03080000c0a8010a9c400104deadbeef' },
  { name: 'teredo_direct_bubble_slr', bubble: [CLIENT, PEER], trailers: '040400000000' },
];

/** The UDP payload of a frame. */
export const payloadOf = (name: string) => packet(name).slice(28);

/** HMAC-SHA1 by Node. */
export const hmac: Hmac = (key, b, off, end, out, outOff) => {
  out.set(createHmac('sha1', key).update(b.subarray(off, end)).digest(), outOff);
};
