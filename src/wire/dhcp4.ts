/**
 * DHCPv4 messages, RFC 2131 section 2, with the options of RFC 2132.
 *
 *    0               1               2               3
 *   |      op       |     htype     |     hlen      |     hops      |   0
 *   |                              xid                              |   4
 *   |             secs              |B|          reserved           |   8
 *   |       ciaddr, yiaddr, siaddr, giaddr: four octets each        |  12
 *   |                    chaddr, sixteen octets                     |  28
 *   |              sname, 64 octets; file, 128 octets               |  44
 *   |                     magic cookie 63825363                     | 236
 *   | options ...                                                     240
 *
 * Offsets are octets from the start of the UDP payload. Cold: everything that is read is copied out.
 */
import { put16, put32, u16, u32 } from './octets.js';

/** UDP port of clients. */
export const DHCP_CLIENT_PORT = 68;
/** UDP port of servers and relay agents. */
export const DHCP_SERVER_PORT = 67;

/** `op`. */
export const DhcpOp = { request: 1, reply: 2 } as const;

/** Message types, option 53. */
export const DhcpType = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const;

/** Codes of options that are read or written. */
export const DhcpOption = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  hostName: 12,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  server: 54,
  parameters: 55,
  renewalTime: 58,
  rebindingTime: 59,
  end: 255,
} as const;

/** A time that never ends, seconds, RFC 2131 section 3.3. */
export const INFINITE_TIME = 0xffffffff;

/** Octets in an Ethernet address, and the number of that kind of hardware. */
export const ETHERNET = { htype: 1, hlen: 6 } as const;

/** A message as it was received. Addresses are unsigned 32-bit numbers. */
export interface DhcpMessage {
  /** See {@link DhcpType}. */
  readonly type: number;
  /** See {@link DhcpOp}. */
  readonly op: number;
  readonly htype: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** The client asked for answers by broadcast. */
  readonly broadcast: boolean;
  readonly ciaddr: number;
  readonly yiaddr: number;
  readonly siaddr: number;
  readonly giaddr: number;
  /** As many octets as `hlen` says, at most sixteen. */
  readonly chaddr: Uint8Array;
  /** Payloads by code; the parts of a split option are joined (RFC 3396). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** A message that a client on an Ethernet sends. Addresses are unsigned 32-bit numbers. */
export interface ClientMessage {
  /** See {@link DhcpType}. */
  readonly type: number;
  readonly xid: number;
  /** Seconds, 0..65535. */
  readonly secs: number;
  /** Asks for answers by broadcast. */
  readonly broadcast: boolean;
  /** The client's address, which it answers ARP for already; or 0. */
  readonly ciaddr: number;
  /** Six octets. */
  readonly mac: Uint8Array;
  /** Option 50; null: none. */
  readonly requestedAddress: number | null;
  /** Option 54; null: none. */
  readonly server: number | null;
  /** Option 55: codes that the server is asked for; empty: none. */
  readonly parameters: readonly number[];
  /** Option 12, ASCII, at most 255 octets; empty: none. */
  readonly hostName: string;
}

const CHADDR = 28;
const CHADDR_LEN = 16;
const SNAME = 44;
const FILE = 108;
const COOKIE = 236;
const OPTIONS = 240;
const MAGIC = 0x63825363;
const BROADCAST = 0x8000;
/** Shortest message that old relay agents pass on, RFC 1542 section 2.1. */
const LEAST_LEN = 300;

/** Values of option 52, RFC 2132 section 9.3: which fixed fields hold options. */
const Overload = { file: 1, sname: 2 } as const;

/**
 * Reads the message `b[off..end)`; null when it is none: cut, no cookie, an option without its octets, options without
 * their end (RFC 2131 section 4.1), or no type from DISCOVER to INFORM. Octets behind the end of options are passed over.
 */
export function readDhcp4(b: Uint8Array, off: number, end: number): DhcpMessage | null {
  if (end - off <= OPTIONS || u32(b, off + COOKIE) !== MAGIC) return null;
  const hlen = b[off + 2];
  if (hlen > CHADDR_LEN) return null;
  const parts = new Map<number, number[]>();
  if (!collect(b, off + OPTIONS, end, parts)) return null;
  const overload = parts.has(DhcpOption.overload) ? single(parts, DhcpOption.overload) : 0;
  if (overload === null || overload > (Overload.file | Overload.sname)) return null;
  // In the order in which RFC 3396 section 5 joins the fields.
  if ((overload & Overload.file) !== 0 && !collect(b, off + FILE, off + COOKIE, parts)) return null;
  if ((overload & Overload.sname) !== 0 && !collect(b, off + SNAME, off + FILE, parts)) return null;
  const type = single(parts, DhcpOption.messageType);
  if (type === null || type < DhcpType.discover || type > DhcpType.inform) return null;
  return {
    type,
    op: b[off],
    htype: b[off + 1],
    xid: u32(b, off + 4),
    secs: u16(b, off + 8),
    broadcast: (u16(b, off + 10) & BROADCAST) !== 0,
    ciaddr: u32(b, off + 12),
    yiaddr: u32(b, off + 16),
    siaddr: u32(b, off + 20),
    giaddr: u32(b, off + 24),
    chaddr: b.slice(off + CHADDR, off + CHADDR + hlen),
    options: new Map(Array.from(parts, ([code, octets]) => [code, Uint8Array.from(octets)])),
  };
}

/** The 32 bits of an option that holds nothing else, an address or seconds; null when it is not there or is of another length. */
export function option32(message: DhcpMessage, code: number): number | null {
  const octets = message.options.get(code);
  return octets?.length === 4 ? u32(octets, 0) : null;
}

/** Writes a client's message at `at` and returns its end: 300 octets, or as many as its options take. */
export function writeClientMessage(out: Uint8Array, at: number, message: ClientMessage): number {
  out.fill(0, at, at + LEAST_LEN);
  out[at] = DhcpOp.request;
  out[at + 1] = ETHERNET.htype;
  out[at + 2] = ETHERNET.hlen;
  put32(out, at + 4, message.xid);
  put16(out, at + 8, message.secs);
  put16(out, at + 10, message.broadcast ? BROADCAST : 0);
  put32(out, at + 12, message.ciaddr);
  out.set(message.mac, at + CHADDR);
  put32(out, at + COOKIE, MAGIC);
  let option = writeOption(out, at + OPTIONS, DhcpOption.messageType, [message.type]);
  if (message.requestedAddress !== null) option = writeOption(out, option, DhcpOption.requestedAddress, octets32(message.requestedAddress));
  if (message.server !== null) option = writeOption(out, option, DhcpOption.server, octets32(message.server));
  if (message.hostName !== '') {
    const name = Array.from(message.hostName, (character) => character.charCodeAt(0));
    option = writeOption(out, option, DhcpOption.hostName, name);
  }
  if (message.parameters.length > 0) option = writeOption(out, option, DhcpOption.parameters, message.parameters);
  out[option] = DhcpOption.end;
  return Math.max(option + 1, at + LEAST_LEN);
}

/**
 * Adds the options of the field `b[at..end)` to `parts`, octets of one code behind those that are there already.
 * False when an option lacks octets, or the field its end.
 */
function collect(b: Uint8Array, at: number, end: number, parts: Map<number, number[]>): boolean {
  let option = at;
  while (option < end && b[option] !== DhcpOption.end) {
    if (b[option] === DhcpOption.pad) {
      option++;
      continue;
    }
    const next = option + 1 < end ? option + 2 + b[option + 1] : Number.POSITIVE_INFINITY;
    if (next > end) return false;
    const octets = parts.get(b[option]) ?? [];
    for (let i = option + 2; i < next; i++) octets.push(b[i]);
    parts.set(b[option], octets);
    option = next;
  }
  return option < end;
}

/** The value of an option of one octet; null when it is not there, or longer. */
function single(parts: ReadonlyMap<number, readonly number[]>, code: number): number | null {
  const octets = parts.get(code);
  return octets?.length === 1 ? octets[0] : null;
}

function writeOption(out: Uint8Array, at: number, code: number, octets: readonly number[]): number {
  out[at] = code;
  out[at + 1] = octets.length;
  out.set(octets, at + 2);
  return at + 2 + octets.length;
}

function octets32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
