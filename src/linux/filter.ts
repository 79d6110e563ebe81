/**
 * Classic BPF socket filters: packets that a socket does not want cost it no wake-up and no copy.
 *
 * An instruction is {u16 code, u8 jump-if-true, u8 jump-if-false, u32 k}. A filter returns how many
 * octets of the packet the socket gets; 0 is none of it.
 */
import { Arena } from './arena.js';
import { must, SO, SOL, setsockopt } from './libc.js';

/** One instruction: code, jump if true, jump if false, operand. */
export type Instruction = readonly [code: number, jt: number, jf: number, k: number];

/** Codes of linux/bpf_common.h that our filters use. A is the accumulator, X the index. A load beyond the end of the packet ends with 0. */
export const Bpf = {
  /** A = 32 bits at k. */
  loadWord: 0x20,
  /** A = 16 bits at k. */
  loadHalf: 0x28,
  /** A = the octet at k. */
  loadOctet: 0x30,
  /** A = 16 bits at X + k. */
  loadHalfAtX: 0x48,
  /** A = the octet at X + k. */
  loadOctetAtX: 0x50,
  /** A = octets in the packet. */
  loadLen: 0x80,
  /** X = octets in the IPv4 header at k. */
  loadHeaderLen4: 0xb1,
  /** A = A - X. */
  subtractX: 0x1c,
  /** A = A * k. */
  multiply: 0x24,
  /** A = A >> k. */
  shiftRight: 0x74,
  /** A = A mod k. */
  modulo: 0x94,
  /** Skips `jt` instructions when A is k, `jf` otherwise. */
  jumpIfEqual: 0x15,
  /** The same when A > k, unsigned. */
  jumpIfAbove: 0x25,
  /** The same when A >= k, unsigned. */
  jumpIfAtLeast: 0x35,
  /** The same when A and k have a bit in common. */
  jumpIfAnyBit: 0x45,
  /** Ends with k. */
  answer: 0x06,
} as const;

/** Octets enough for any packet: the whole of it. */
const ALL = 0xffffffff;
export const ACCEPT: Instruction = [Bpf.answer, 0, 0, ALL];
export const REFUSE: Instruction = [Bpf.answer, 0, 0, 0];
/** Accept, refuse: the two last instructions of each filter. */
export const VERDICTS: readonly Instruction[] = [ACCEPT, REFUSE];

const INSTRUCTION_LEN = 8;
/** struct sock_fprog: a 16-bit count, then after padding the address of the instructions. */
const PROGRAM_LEN = 16;

/** Puts `program` on a socket, instead of the one it may have. Throws `SystemError`. */
export function attachFilter(fd: number, program: readonly Instruction[]): void {
  const arena = new Arena(4096);
  const header = arena.alloc(PROGRAM_LEN);
  const instructions = arena.alloc(program.length * INSTRUCTION_LEN);
  arena.view.setUint16(header, program.length, true);
  arena.view.setBigUint64(header + 8, BigInt(arena.base + instructions), true);
  program.forEach(([code, jt, jf, k], i) => {
    const at = instructions + i * INSTRUCTION_LEN;
    arena.view.setUint16(at, code, true);
    arena.view.setUint8(at + 2, jt);
    arena.view.setUint8(at + 3, jf);
    arena.view.setUint32(at + 4, k, true);
  });
  try {
    const fprog = arena.b.subarray(header, header + PROGRAM_LEN);
    must(setsockopt(fd, SOL.SOCKET, SO.ATTACH_FILTER, fprog, PROGRAM_LEN), 'setsockopt', `socket ${fd}, SO_ATTACH_FILTER`);
  } finally {
    arena.unmap();
  }
}
