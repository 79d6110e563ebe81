/**
 * A packet source in the kernel: one packet, sent as often as a core can, out of one interface.
 *
 * An XDP program of a few instructions is run on live frames (BPF_PROG_TEST_RUN); it writes the whole
 * packet anew each time, since the same page comes round again, and answers XDP_TX. The program is
 * assembled here by hand: nothing needs a compiler.
 *
 * Run as a process of its own: `packet-source.ts INTERFACE HEX SECONDS [CLIENTS ADDRESS PORT]`; for 0 seconds it sends the
 * packet once. With the last three each packet is that of a Teredo client by chance: see `manyClients` in packets.ts. The
 * interface on the other end of the cable must have GRO on, or no frame gets across.
 */
import koffi from 'koffi';

const SYS_BPF = 321;
const BPF_PROG_LOAD = 5;
const BPF_PROG_TEST_RUN = 10;
const BPF_PROG_TYPE_XDP = 6;
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
/** Helper: a number by chance. */
const GET_PRANDOM_U32 = 7;
const XDP_DROP = 1;
const XDP_TX = 3;
/** Frames that one call sends; about a tenth of a second. */
const REPEAT = 250_000;

const libc = koffi.load('libc.so.6');
const syscall: (number: number, command: number, attr: Buffer, octets: number) => number = libc.func(
  'long syscall(long number, int command, void *attr, unsigned int octets)',
);
const ifNameToIndex: (name: string) => number = libc.func('unsigned int if_nametoindex(const char *name)');

/** One BPF instruction of eight octets. */
function instruction(code: number, dst: number, src: number, off: number, imm: number): Buffer {
  const b = Buffer.alloc(8);
  b[0] = code;
  b[1] = (src << 4) | dst;
  b.writeInt16LE(off, 2);
  b.writeInt32LE(imm, 4);
  return b;
}

/** Puts the number of a client, in r7, where `clientOctets` has it. `port`: 0, no outer one. */
function chosen(address: number, port: number): Buffer[] {
  return [
    instruction(0xbf, 8, 7, 0, 0), // r8 = r7
    instruction(0x77, 8, 0, 0, 16), // r8 >>= 16
    instruction(0x73, 2, 8, address + 9, 0), // a random bit of the flags, RFC 5991
    ...(port === 0 ? [] : [instruction(0x6b, 2, 7, port, 0)]),
    instruction(0xa7, 7, 0, 0, 0xffff), // r7 ^= 0xffff
    instruction(0x6b, 2, 7, address + 10, 0), // the port, obfuscated
  ];
}

/** A program that turns any frame into `packet` (Ethernet header included) and sends it where it came from. */
function program(packet: Buffer, [clients, address, port]: readonly number[]): Buffer {
  const words = Math.ceil(packet.length / 4);
  const stores: Buffer[] = [];
  for (let i = 0; i < words; i++) {
    const left = Math.min(4, packet.length - 4 * i);
    if (left === 4) stores.push(instruction(0x62, 2, 0, 4 * i, packet.readInt32LE(4 * i)));
    else for (let k = 0; k < left; k++) stores.push(instruction(0x72, 2, 0, 4 * i + k, packet[4 * i + k]));
  }
  const choice: Buffer[] = [];
  if (clients !== undefined) {
    choice.push(instruction(0x85, 0, 0, 0, GET_PRANDOM_U32));
    choice.push(instruction(0xbf, 7, 0, 0, 0)); // r7 = r0
    choice.push(instruction(0x97, 7, 0, 0, clients)); // r7 %= clients
    stores.push(...chosen(address, port));
  }
  return Buffer.concat([
    instruction(0xbf, 6, 1, 0, 0), // r6 = ctx
    ...choice,
    instruction(0x61, 2, 6, 0, 0), // r2 = ctx->data
    instruction(0x61, 3, 6, 4, 0), // r3 = ctx->data_end
    instruction(0xbf, 4, 2, 0, 0), // r4 = r2
    instruction(0x07, 4, 0, 0, packet.length), // r4 += length
    instruction(0x2d, 4, 3, stores.length + 2, 0), // if r4 > r3: drop
    ...stores,
    instruction(0xb7, 0, 0, 0, XDP_TX),
    instruction(0x95, 0, 0, 0, 0),
    instruction(0xb7, 0, 0, 0, XDP_DROP),
    instruction(0x95, 0, 0, 0, 0),
  ]);
}

function bpf(command: number, attr: Buffer, what: string): number {
  const result = syscall(SYS_BPF, command, attr, attr.length);
  if (result < 0) throw new Error(`bpf(${what}): errno ${koffi.errno()}`);
  return result;
}

function main([name, hex, seconds, ...variation]: string[]): void {
  const packet = Buffer.from(hex, 'hex');
  const index = ifNameToIndex(name);
  if (index === 0) throw new Error(`no interface ${name}`);

  const code = program(packet, variation.map(Number));
  const licence = Buffer.from('GPL\0');
  const load = Buffer.alloc(128);
  load.writeUInt32LE(BPF_PROG_TYPE_XDP, 0);
  load.writeUInt32LE(code.length / 8, 4);
  load.writeBigUInt64LE(BigInt(koffi.address(code)), 8);
  load.writeBigUInt64LE(BigInt(koffi.address(licence)), 16);
  const fd = bpf(BPF_PROG_LOAD, load, 'PROG_LOAD');

  const context = Buffer.alloc(24);
  context.writeUInt32LE(packet.length, 4);
  context.writeUInt32LE(index, 12);
  const run = Buffer.alloc(128);
  run.writeUInt32LE(fd, 0);
  run.writeUInt32LE(packet.length, 8);
  run.writeBigUInt64LE(BigInt(koffi.address(packet)), 16);
  const repeat = Number(seconds) === 0 ? 1 : REPEAT;
  run.writeUInt32LE(repeat, 32);
  run.writeUInt32LE(context.length, 40);
  run.writeBigUInt64LE(BigInt(koffi.address(context)), 48);
  run.writeUInt32LE(BPF_F_TEST_XDP_LIVE_FRAMES, 64);
  run.writeUInt32LE(64, 72);

  const began = performance.now();
  const { user, system } = process.cpuUsage();
  let sent = 0;
  do {
    bpf(BPF_PROG_TEST_RUN, run, 'PROG_TEST_RUN');
    sent += repeat;
  } while (performance.now() - began < Number(seconds) * 1000);
  const spent = process.cpuUsage({ user, system });
  console.log(JSON.stringify({ sent, took: (performance.now() - began) / 1000, processor: (spent.user + spent.system) / 1e6 }));
  // The buffers must outlive the calls that were given their addresses.
  if (code.length + licence.length + context.length === 0) console.log(packet);
}

main(process.argv.slice(2));
