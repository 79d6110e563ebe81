/**
 * IPv6 extension headers, RFC 8200 section 4: what stands between the IPv6 header and the upper layer.
 *
 *   | next header | length, 8-octet units after the first |  ...  hop-by-hop, routing, destination
 *   | next header | length, 4-octet units less 2          |  ...  authentication (RFC 4302)
 *   | next header | 0 | fragment offset, 0, M | identification |  fragment: 8 octets
 *
 * The walk takes at most `MAX_EXTENSIONS` headers and reads nothing at or after `end`. It stops at a
 * fragment that is not the first one: what follows there is the middle of something.
 * The packet at `off` has passed `isIpv6`.
 */
import { IPV6_LEN, NextHeader, nextHeader6 } from './ipv6.js';
import { u16 } from './octets.js';

/** Headers that are walked: RFC 8200 section 4.1 asks senders for at most six. */
export const MAX_EXTENSIONS = 8;

const UNIT = 8;
const AUTHENTICATION = 51;
/** Fragment offset without the flags, RFC 8200 section 4.5. */
const FRAGMENT_OFFSET = 0xfff8;

/**
 * Offset of the upper-layer header of the packet at `b[off..end)`, at most `end`; -1 when a header is
 * cut or the chain too long. For a later fragment: the offset of its fragment header.
 */
export function upperLayer(b: Uint8Array, off: number, end: number): number {
  const reached = walk(b, off, end);
  return reached < 0 ? -1 : off + (reached >>> 8);
}

/** Protocol of the header that `upperLayer` finds, `NextHeader.fragment` for a later fragment; -1 where that is -1. */
export function upperProtocol(b: Uint8Array, off: number, end: number): number {
  const reached = walk(b, off, end);
  return reached < 0 ? -1 : reached & 0xff;
}

/**
 * True when the packet at `b[off..end)` asks for source routing: a routing header of type 0 with
 * segments left, which RFC 5095 forbids. A chain of more than `MAX_EXTENSIONS` headers counts as
 * asking, else a row of empty options would hide it.
 */
export function asksForSourceRouting(b: Uint8Array, off: number, end: number): boolean {
  let next = nextHeader6(b, off);
  let at = off + IPV6_LEN;
  for (let n = 0; isExtension(next); n++) {
    if (n === MAX_EXTENSIONS) return true;
    const after = headerEnd(b, at, end, next);
    if (after < 0 || isLaterFragment(b, at, next)) return false;
    if (next === NextHeader.routing && b[at + 2] === 0 && b[at + 3] !== 0) return true;
    next = b[at];
    at = after;
  }
  return false;
}

/** Where the walk ends: octets from `off` in the upper bits, protocol in the low octet; negative when it cannot end well. */
function walk(b: Uint8Array, off: number, end: number): number {
  let next = nextHeader6(b, off);
  let at = off + IPV6_LEN;
  for (let n = 0; isExtension(next); n++) {
    const after = n < MAX_EXTENSIONS ? headerEnd(b, at, end, next) : -1;
    if (after < 0) return -1;
    if (isLaterFragment(b, at, next)) break;
    next = b[at];
    at = after;
  }
  return ((at - off) << 8) | next;
}

/** True when `next` names a header that the walk goes over. */
export function isExtension(next: number): boolean {
  return (
    next === NextHeader.hopByHop ||
    next === NextHeader.routing ||
    next === NextHeader.fragment ||
    next === NextHeader.destination ||
    next === AUTHENTICATION
  );
}

/** One past the extension header of type `next` at `at`; -1 when it is not whole before `end`. */
function headerEnd(b: Uint8Array, at: number, end: number, next: number): number {
  if (end - at < UNIT) return -1;
  let len = UNIT;
  if (next === AUTHENTICATION) len = (b[at + 1] + 2) << 2;
  else if (next !== NextHeader.fragment) len = (b[at + 1] + 1) << 3;
  return len <= end - at ? at + len : -1;
}

function isLaterFragment(b: Uint8Array, at: number, next: number): boolean {
  return next === NextHeader.fragment && (u16(b, at + 2) & FRAGMENT_OFFSET) !== 0;
}
