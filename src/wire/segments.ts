/**
 * Trains of TCP segments, RFC 9293 section 3.8.3, over IPv6: one header and the payload of many segments, in one packet
 * that no link would take. The kernel takes such, and gives them, so that its work is done once for all of them.
 *
 *   | header | payload ........................................ |     the train
 *   | header | size | header | size | header | size | header | rest |     its segments
 *
 * Segments differ in sequence number, length and checksum. Only the last may be shorter, push, or end the stream (PSH,
 * FIN), only the first may say that the window was reduced (CWR). Joining and cutting undo each other, to the octet.
 */
import { addWords32, fold } from './checksum.js';
import { IPV6_LEN, IPV6_SRC, nextHeader6 } from './ipv6.js';
import { put16, put32, u16, u32 } from './octets.js';
import { TCP, TCP_ACK, TCP_CHECKSUM, TCP_FLAGS, TCP_LEN, TCP_SEQ, TCP_URGENT, TCP_WINDOW, TcpFlag, tcpHeaderLen } from './tcp.js';

/** Octets of headers that a train may have. */
export const HEADERS_ROOM = 256;
/** Octets in a train, at most. */
const LONGEST = 0xffff;
/** Offset of the payload length in the header of IPv6. */
const PAYLOAD_LEN = 4;
/** What the last segment may have and none before it. */
const LAST_ONLY = TcpFlag.psh | TcpFlag.fin;

/** The memory that packets lie in, both ways to look at it. */
export interface Memory {
  readonly b: Uint8Array;
  readonly view: DataView;
}

/** Cuts one train at a time. */
export class SegmentCutter {
  readonly #b: Uint8Array;
  readonly #view: DataView;
  /** A copy of the train's headers: the first segment takes their place. */
  readonly #headers: number;
  #headersLen = 0;
  /** Where the header of TCP is, from the beginning of the packet. */
  #upper = 0;
  #size = 0;
  /** Sum of all that is the same in every segment. */
  #sum = 0;
  #flags = 0;
  /** Of the next segment: its payload, its sequence number, and the flags that no segment before it had. */
  #at = 0;
  #end = 0;
  #sequence = 0;
  #firstOnly = 0;

  /** `headers`: where in `memory` there are `HEADERS_ROOM` octets for its own use. */
  constructor({ b, view }: Memory, headers: number) {
    this.#b = b;
    this.#view = view;
    this.#headers = headers;
  }

  /** Octets of payload that are not cut off yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /**
   * Begins with the train at `b[off..end)`: `upper` octets before the header of TCP, `size` octets of payload in each
   * segment, the checksum being the sum of the pseudo-header alone. False when it is no such train. The memory is to stay
   * as it is until it is used up, but for what segments are written to.
   */
  begin(off: number, end: number, upper: number, size: number): boolean {
    const b = this.#b;
    const tcp = off + upper;
    if (upper < IPV6_LEN || size === 0 || end - tcp < TCP_LEN) return false;
    const headersLen = upper + tcpHeaderLen(b, tcp);
    if (headersLen < upper + TCP_LEN || headersLen > HEADERS_ROOM || off + headersLen >= end) return false;
    b.copyWithin(this.#headers, off, off + headersLen);
    this.#headersLen = headersLen;
    this.#upper = upper;
    this.#size = size;
    this.#at = off + headersLen;
    this.#end = end;
    this.#sequence = u32(b, tcp + TCP_SEQ);
    this.#flags = b[tcp + TCP_FLAGS];
    this.#firstOnly = TcpFlag.cwr;
    const copy = this.#headers + upper;
    put32(b, copy + TCP_SEQ, 0);
    b[copy + TCP_FLAGS] = 0;
    // What is in the place of the checksum counts the length of the train, which no segment has.
    this.#sum = addWords32((end - tcp) ^ 0xffff, this.#view, copy, this.#headers + headersLen);
    return true;
  }

  /** Writes the next segment at `at`, anywhere but on what is left of the train, and returns where it ends. */
  cut(at: number): number {
    const b = this.#b;
    const payload = at + this.#headersLen;
    const octets = Math.min(this.#size, this.left);
    const end = payload + octets;
    b.copyWithin(at, this.#headers, this.#headers + this.#headersLen);
    b.copyWithin(payload, this.#at, this.#at + octets);
    this.#at += octets;
    const flags = this.#flags & ~(TcpFlag.cwr ^ this.#firstOnly) & (this.left > 0 ? ~LAST_ONLY : ~0);
    const tcp = at + this.#upper;
    put16(b, at + PAYLOAD_LEN, end - at - IPV6_LEN);
    put32(b, tcp + TCP_SEQ, this.#sequence);
    b[tcp + TCP_FLAGS] = flags;
    const own = (this.#sequence >>> 16) + (this.#sequence & 0xffff) + flags + (end - tcp);
    put16(b, tcp + TCP_CHECKSUM, fold(addWords32(this.#sum + own, this.#view, payload, end)));
    this.#sequence = (this.#sequence + octets) >>> 0;
    this.#firstOnly = 0;
    return end;
  }
}

/** Joins segments that follow each other, one train at a time. Packets stay where they are. */
export class SegmentJoiner {
  readonly #b: Uint8Array;
  readonly #view: DataView;
  /** The first segment: where it begins and ends, and whether its checksum is known to be right. */
  #first = 0;
  #firstEnd = 0;
  #isRight = false;
  #headersLen = 0;
  #size = 0;
  /** Of all segments so far: octets of payload, and flags. */
  #octets = 0;
  #flags = 0;
  /** Sequence number of the segment that may follow. */
  #next = 0;
  #isOpen = false;

  constructor({ b, view }: Memory) {
    this.#b = b;
    this.#view = view;
  }

  /** Octets of headers in front of the payload, of the train and of each of its segments. */
  get headersLen(): number {
    return this.#headersLen;
  }

  /** Octets of payload in each segment but the last. */
  get size(): number {
    return this.#size;
  }

  /** Begins with the whole packet at `b[off..end)`. False when it is none that another may follow. */
  begin(off: number, end: number): boolean {
    const b = this.#b;
    this.#isOpen = false;
    if (end - off < IPV6_LEN + TCP_LEN || nextHeader6(b, off) !== TCP || IPV6_LEN + u16(b, off + PAYLOAD_LEN) !== end - off) return false;
    const tcp = off + IPV6_LEN;
    const headersLen = IPV6_LEN + tcpHeaderLen(b, tcp);
    const octets = end - off - headersLen;
    if (headersLen < IPV6_LEN + TCP_LEN || octets <= 0 || (b[tcp + TCP_FLAGS] & ~TcpFlag.ece) !== TcpFlag.ack) return false;
    this.#first = off;
    this.#firstEnd = end;
    this.#isRight = false;
    this.#headersLen = headersLen;
    this.#size = octets;
    this.#octets = octets;
    this.#flags = b[tcp + TCP_FLAGS];
    this.#next = (u32(b, tcp + TCP_SEQ) + octets) | 0;
    this.#isOpen = true;
    return true;
  }

  /**
   * Adds the whole packet at `b[off..end)`. False when it does not follow: then it is no part of the train. A segment whose
   * checksum is wrong neither follows nor is followed: whoever joined it would have it made right.
   */
  join(off: number, end: number): boolean {
    const b = this.#b;
    const headersLen = this.#headersLen;
    const octets = end - off - headersLen;
    if (!this.#isOpen || octets <= 0 || octets > this.#size || headersLen + this.#octets + octets > LONGEST) return false;
    const flags = b[off + IPV6_LEN + TCP_FLAGS];
    if ((flags & ~LAST_ONLY) !== this.#flags || !this.#isLikeFirst(off, end)) return false;
    this.#isRight ||= this.#isSumRight(this.#first, this.#firstEnd);
    this.#isOpen = this.#isRight;
    if (!this.#isRight || !this.#isSumRight(off, end)) return false;
    this.#octets += octets;
    this.#next = (this.#next + octets) | 0;
    this.#isOpen = octets === this.#size; // PSH and FIN keep others out by themselves: flags have to be the same
    this.#flags = flags;
    return true;
  }

  /** Writes the headers of the train at `at`, its checksum being the sum of the pseudo-header alone; returns where they end. */
  writeHeaders(at: number): number {
    const b = this.#b;
    b.copyWithin(at, this.#first, this.#first + this.#headersLen);
    const len = this.#headersLen - IPV6_LEN + this.#octets;
    put16(b, at + PAYLOAD_LEN, len);
    b[at + IPV6_LEN + TCP_FLAGS] = this.#flags;
    put16(b, at + IPV6_LEN + TCP_CHECKSUM, fold(addWords32(len + TCP, this.#view, at + IPV6_SRC, at + IPV6_LEN)) ^ 0xffff);
    return at + this.#headersLen;
  }

  /** True when the headers at `off` are those of the next segment: the same as the first one's but for what differs in a train. */
  #isLikeFirst(off: number, end: number): boolean {
    const b = this.#b;
    const view = this.#view;
    const first = this.#first;
    const tcp = off + IPV6_LEN;
    if (view.getInt32(tcp + TCP_SEQ) !== this.#next) return false;
    if (view.getInt32(off) !== view.getInt32(first) || IPV6_LEN + u16(b, off + PAYLOAD_LEN) !== end - off) return false;
    if (view.getInt16(off + PAYLOAD_LEN + 2) !== view.getInt16(first + PAYLOAD_LEN + 2)) return false;
    const firstTcp = first + IPV6_LEN;
    for (let i = IPV6_SRC; i < IPV6_LEN + TCP_SEQ; i += 4) if (view.getInt32(off + i) !== view.getInt32(first + i)) return false;
    // Acknowledgment number, and all that follows but flags, which are looked at already, and checksum.
    if (view.getInt32(tcp + TCP_ACK) !== view.getInt32(firstTcp + TCP_ACK) || b[tcp + TCP_FLAGS - 1] !== b[firstTcp + TCP_FLAGS - 1])
      return false;
    if (view.getInt16(tcp + TCP_WINDOW) !== view.getInt16(firstTcp + TCP_WINDOW)) return false;
    if (view.getInt16(tcp + TCP_URGENT) !== view.getInt16(firstTcp + TCP_URGENT)) return false;
    for (let i = IPV6_LEN + TCP_LEN; i < this.#headersLen; i += 4) if (view.getInt32(off + i) !== view.getInt32(first + i)) return false;
    return true;
  }

  #isSumRight(off: number, end: number): boolean {
    const tcp = off + IPV6_LEN;
    const pseudo = addWords32(end - tcp + TCP, this.#view, off + IPV6_SRC, tcp);
    return fold(addWords32(pseudo, this.#view, tcp, end)) === 0;
  }
}
