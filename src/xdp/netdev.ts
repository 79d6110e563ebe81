/**
 * What a driver can do with XDP, as the kernel's own list has it: generic netlink, family `netdev` (Linux 6.3).
 *
 *   nlmsghdr (16)   length u32, type u16, flags u16, sequence u32, port u32
 *   genlmsghdr (4)  command u8, version u8, reserved u16
 *   attributes      length u16 with this header, type u16, value, padding to four octets
 *
 * To be asked matters: a frame that is redirected into a device whose driver cannot send it is lost without a word.
 */
import { close, must, readInto, SOCK, sendto, socket } from '../linux/libc.js';

const AF_NETLINK = 16;
const NETLINK_GENERIC = 16;
const NLM_F_REQUEST = 1;
const NLMSG_ERROR = 2;
const HEADER_LEN = 20;
/** The family that knows the others: CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, CTRL_ATTR_FAMILY_ID. */
const CTRL = { family: 0x10, get: 3, id: 1, name: 2 } as const;
/** NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, NETDEV_A_DEV_XDP_FEATURES. */
const NETDEV = { name: 'netdev\0', get: 1, ifindex: 1, features: 3 } as const;
/** Octets of an answer: the largest tells all operations of a family. */
const ANSWER_ROOM = 16_384;

/** enum netdev_xdp_act: programs run in the driver; frames can be redirected out of it; frames can be redirected into it. */
const Act = { basic: 1, redirect: 2, transmit: 4 } as const;

/** What a driver can do. */
export interface XdpFeatures {
  /** Run a program, and redirect frames to other devices. */
  readonly receives: boolean;
  /** Send frames that were redirected to it. */
  readonly transmits: boolean;
}

/** Asks for the features of an interface of this namespace; null when the kernel is too old to know. Throws `SystemError`. */
export function xdpFeatures(ifindex: number): XdpFeatures | null {
  const fd = must(socket(AF_NETLINK, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, NETLINK_GENERIC), 'socket', 'AF_NETLINK');
  try {
    const id = ask(fd, CTRL.family, CTRL.get, attribute(CTRL.name, new TextEncoder().encode(NETDEV.name)))?.get(CTRL.id);
    if (id === undefined) return null;
    const index = new Uint8Array(Uint32Array.of(ifindex).buffer);
    const features = ask(fd, id.getUint16(0, true), NETDEV.get, attribute(NETDEV.ifindex, index))?.get(NETDEV.features);
    if (features === undefined) return null;
    const low = features.getUint32(0, true);
    return { receives: hasAll(low, Act.basic | Act.redirect), transmits: hasAll(low, Act.transmit) };
  } finally {
    close(fd);
  }
}

/** Asks one question; the attributes of the answer by type, null when the kernel answers with an error. */
function ask(fd: number, family: number, command: number, attributes: Uint8Array): ReadonlyMap<number, DataView> | null {
  const request = new Uint8Array(HEADER_LEN + attributes.length);
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, family, true);
  view.setUint16(6, NLM_F_REQUEST, true);
  request[16] = command;
  request[17] = 1;
  request.set(attributes, HEADER_LEN);
  const kernel = new Uint8Array(12);
  kernel[0] = AF_NETLINK;
  must(sendto(fd, request, request.length, 0, kernel, kernel.length), 'sendto', `netlink family ${family}`);
  const answer = new Uint8Array(ANSWER_ROOM);
  // The kernel has answered by the time it has taken the question.
  const len = must(readInto(fd, answer, answer.length), 'read', `netlink family ${family}`);
  return attributesOf(answer, len);
}

/** The attributes of a generic netlink message of `len` octets, by type; null of an error. */
export function attributesOf(message: Uint8Array, len: number): ReadonlyMap<number, DataView> | null {
  const view = new DataView(message.buffer, message.byteOffset, len);
  if (len < HEADER_LEN || view.getUint16(4, true) === NLMSG_ERROR) return null;
  const found = new Map<number, DataView>();
  for (let at = HEADER_LEN; at + 4 <= len; ) {
    const size = view.getUint16(at, true);
    if (size < 4 || at + size > len) break;
    found.set(view.getUint16(at + 2, true), new DataView(message.buffer, message.byteOffset + at + 4, size - 4));
    at += (size + 3) & ~3;
  }
  return found;
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  const octets = new Uint8Array((4 + value.length + 3) & ~3);
  const view = new DataView(octets.buffer);
  view.setUint16(0, 4 + value.length, true);
  view.setUint16(2, type, true);
  octets.set(value, 4);
  return octets;
}

function hasAll(flags: number, wanted: number): boolean {
  return (flags & wanted) === wanted;
}
