/**
 * Captures in the classic libpcap format (draft-ietf-opsawg-pcap), written and read.
 *
 *   file    | magic | version 2.4 | 0 | 0 | longest record | link type |   24 octets
 *   record  | seconds | fraction | octets here | octets on the wire |      16 octets, then the packet
 *
 * The magic number tells byte order and whether the fraction counts micro- or nanoseconds. What is
 * written is big-endian, with microseconds. Cold: everything here allocates.
 */
import { put16, put32, u16 } from './octets.js';

/** Link types that are read; `raw`, `ipv4`, `ipv6` have no link header and are what this project writes. */
export const LinkType = { ethernet: 1, raw: 101, linuxCooked: 113, ipv4: 228, ipv6: 229, linuxCooked2: 276 } as const;

/** Ethernet types that say what a packet is. */
export const EtherType = { ipv4: 0x0800, vlan: 0x8100, ipv6: 0x86dd, serviceVlan: 0x88a8 } as const;

/** One packet of a capture. */
export interface CapturedPacket {
  /** Milliseconds since 1970, with a fraction. */
  readonly time: number;
  readonly b: Uint8Array;
  /** First octet of the network-layer packet: the link header is passed over. */
  readonly off: number;
  /** One past the last octet that was captured. */
  readonly end: number;
  /** Of the file, see {@link LinkType}. */
  readonly linkType: number;
  /** Ethernet type of the network-layer packet; 0 when that cannot be known. Where the link header is cut, `off` is `end`. */
  readonly etherType: number;
}

/** What is wrong with a capture file, and where. */
export class PcapError extends Error {
  /** Offset in the file, octets. */
  readonly offset: number;

  constructor(offset: number, what: string) {
    super(`capture file, octet ${offset}: ${what}`);
    this.name = 'PcapError';
    this.offset = offset;
  }
}

const FILE_HEADER_LEN = 24;
const RECORD_HEADER_LEN = 16;
const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const PCAPNG = 0x0a0d0d0a;
const GZIP = 0x1f8b;
/** Longest packet, which readers use to size buffers: libpcap's own bound. */
const LONGEST = 262144;

/** The file header for packets of `linkType`. */
export function pcapHeader(linkType: number): Uint8Array {
  const b = new Uint8Array(FILE_HEADER_LEN);
  put32(b, 0, MICROSECONDS);
  put16(b, 4, 2);
  put16(b, 6, 4);
  put32(b, 16, LONGEST);
  put32(b, 20, linkType);
  return b;
}

/** The packet `b[off..end)` as a record, captured at `milliseconds` since 1970 (or since a simulation began). */
export function pcapRecord(milliseconds: number, b: Uint8Array, off: number, end: number): Uint8Array {
  const microseconds = Math.round(milliseconds * 1000);
  const record = new Uint8Array(RECORD_HEADER_LEN + end - off);
  put32(record, 0, Math.floor(microseconds / 1e6));
  put32(record, 4, microseconds % 1e6);
  put32(record, 8, end - off);
  put32(record, 12, end - off);
  record.set(b.subarray(off, end), RECORD_HEADER_LEN);
  return record;
}

/** Reads a capture that is in memory; iterate it for its packets. */
export class PcapReader implements Iterable<CapturedPacket> {
  /** See {@link LinkType}. */
  readonly linkType: number;
  readonly #link: LinkHeader;
  readonly #b: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  /** Units of a record's fraction in a millisecond. */
  readonly #perMillisecond: number;

  /** Throws a {@link PcapError} when `file` is no capture, or one of a kind that is not read. */
  constructor(file: Uint8Array) {
    this.#b = file;
    this.#view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    if (file.length < FILE_HEADER_LEN) {
      throw new PcapError(0, `the file has ${file.length} octets, expected a header of ${FILE_HEADER_LEN}`);
    }
    const big = this.#view.getUint32(0, false);
    const little = this.#view.getUint32(0, true);
    this.#littleEndian = little === MICROSECONDS || little === NANOSECONDS;
    const magic = this.#littleEndian ? little : big;
    if (magic !== MICROSECONDS && magic !== NANOSECONDS) throw new PcapError(0, foreign(big));
    this.#perMillisecond = magic === MICROSECONDS ? 1e3 : 1e6;
    const major = this.#view.getUint16(4, this.#littleEndian);
    if (major !== 2) throw new PcapError(4, `format version ${major}, expected 2`);
    // The upper half says whether frames end with a checksum; frames are cut by their own lengths anyway.
    this.linkType = this.#u32(20) & 0xffff;
    const link = LINK_HEADERS.get(this.linkType);
    if (link === undefined) throw new PcapError(20, `link type ${this.linkType}, expected one of ${[...LINK_HEADERS.keys()].join(', ')}`);
    this.#link = link;
  }

  /** Yields the packets in order; throws a {@link PcapError} where a record is cut. */
  *[Symbol.iterator](): Generator<CapturedPacket> {
    const file = this.#b;
    let at = FILE_HEADER_LEN;
    while (at < file.length) {
      const left = file.length - at - RECORD_HEADER_LEN;
      if (left < 0) throw new PcapError(at, `a record header is cut: ${file.length - at} octets of ${RECORD_HEADER_LEN}`);
      const len = this.#u32(at + 8);
      if (len > left) throw new PcapError(at, `a packet of ${len} octets is cut: ${left} are left`);
      const time = this.#u32(at) * 1e3 + this.#u32(at + 4) / this.#perMillisecond;
      at += RECORD_HEADER_LEN;
      yield { time, b: file, ...networkLayer(file, at, at + len, this.#link), end: at + len, linkType: this.linkType };
      at += len;
    }
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.#littleEndian);
  }
}

/** Octets in front of the packet, and where among them the Ethernet type is; null where the packet says itself what it is. */
interface LinkHeader {
  readonly len: number;
  readonly type: number | null;
}

const LINK_HEADERS: ReadonlyMap<number, LinkHeader> = new Map([
  [LinkType.ethernet, { len: 14, type: 12 }],
  [LinkType.raw, { len: 0, type: null }],
  [LinkType.linuxCooked, { len: 16, type: 14 }],
  [LinkType.ipv4, { len: 0, type: null }],
  [LinkType.ipv6, { len: 0, type: null }],
  [LinkType.linuxCooked2, { len: 20, type: 0 }],
]);
/** Tag control and the Ethernet type of what is tagged. */
const VLAN_TAG_LEN = 4;

/** Finds the network-layer packet in the frame `b[at..end)`. */
function networkLayer(b: Uint8Array, at: number, end: number, link: LinkHeader): { off: number; etherType: number } {
  if (link.type === null) return { off: at, etherType: bareEtherType(b, at, end) };
  let type = at + link.type;
  let off = at + link.len;
  while (off <= end && (u16(b, type) === EtherType.vlan || u16(b, type) === EtherType.serviceVlan)) {
    type = off + 2;
    off += VLAN_TAG_LEN;
  }
  return off <= end ? { off, etherType: u16(b, type) } : { off: end, etherType: 0 };
}

function bareEtherType(b: Uint8Array, at: number, end: number): number {
  const version = at < end ? b[at] >>> 4 : 0;
  if (version === 4) return EtherType.ipv4;
  return version === 6 ? EtherType.ipv6 : 0;
}

/** Says what a file that starts with `magic` is instead. */
function foreign(magic: number): string {
  if (magic === PCAPNG) return 'this is a pcapng file, expected classic pcap: convert it with "editcap -F pcap"';
  if (magic >>> 16 === GZIP) return 'this file is compressed, expected classic pcap: unpack it with "gunzip"';
  return `magic number 0x${magic.toString(16).padStart(8, '0')}, expected 0xa1b2c3d4 or 0xa1b23c4d in either byte order`;
}
