/**
 * TCP header, RFC 9293 section 3.1.
 *
 *   |          source port          |       destination port        |  0
 *   |                        sequence number                        |  4
 *   |                    acknowledgment number                      |  8
 *   | offset|  reserved |   flags   |            window             | 12
 *   |           checksum            |        urgent pointer         | 16
 *   options, up to 40 octets                                          20
 *
 * Nothing is checked here: who reads has seen that `TCP_LEN` octets are there.
 */

/** The next header value of TCP. */
export const TCP = 6;
/** Octets in a header without options. */
export const TCP_LEN = 20;
/** Offset of the sequence number. */
export const TCP_SEQ = 4;
/** Offset of the acknowledgment number. */
export const TCP_ACK = 8;
/** Offset of the octet of the flags. */
export const TCP_FLAGS = 13;
/** Offset of the window. */
export const TCP_WINDOW = 14;
/** Offset of the checksum. */
export const TCP_CHECKSUM = 16;
/** Offset of the urgent pointer. */
export const TCP_URGENT = 18;

/** Flags, as bits of their octet. */
export const TcpFlag = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20, ece: 0x40, cwr: 0x80 } as const;

/** Octets in the header at `off`, options included: 0..60, less than `TCP_LEN` when it is none. */
export function tcpHeaderLen(b: Uint8Array, off: number): number {
  return (b[off + 12] >>> 4) << 2;
}
