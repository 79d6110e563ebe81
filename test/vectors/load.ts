/**
 * The vectors under `vectors/`, read and checked, and how a packet is compared with what a vector expects:
 * for every runner, over the engine, the simulator, namespaces and whatever comes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { referenceChecksum } from '../wire/octet-arrays.js';
import { be16, hex, Next, toHex } from './compose.js';
import { type Vector, vectorSchema } from './vector.js';

const ROOT = new URL('../../vectors/', import.meta.url);
const UDP_LEN = 8;

/** Folders of vectors, one a technology. */
export const TECHNOLOGIES = ['6to4', '6rd', 'isatap', 'teredo'] as const;

/** The names of the vectors of one technology: the files of its folder. */
export function vectorNames(technology: string): string[] {
  return readdirSync(new URL(`${technology}/`, ROOT))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** All vectors of one technology. Throws on a file that is none, with the file and all that is wrong with it. */
export function loadVectors(technology: string): Vector[] {
  return vectorNames(technology).map((name) => {
    const file = `${technology}/${name}.json`;
    const result = vectorSchema.safeParse(JSON.parse(readFileSync(new URL(file, ROOT), 'utf8')));
    if (!result.success) throw new Error(`vectors/${file}: ${result.error.message}`);
    if (result.data.name !== name) throw new Error(`vectors/${file}: its name is "${result.data.name}"`);
    return result.data;
  });
}

/** All vectors there are. */
export function allVectors(): Vector[] {
  return TECHNOLOGIES.flatMap(loadVectors);
}

/**
 * A packet as hex text for comparison: as it is, but for two fields of an IPv4 header that are the
 * sending stack's: the identification becomes 0, and a right header checksum the one that belongs to it. A UDP checksum
 * that was left to the network card, which a packet socket sees before that, is completed.
 */
export function comparable(packet: Uint8Array | string): string {
  const b = typeof packet === 'string' ? hex(packet) : Uint8Array.from(packet);
  const header = (b[0] & 0x0f) * 4;
  if (b[0] >>> 4 !== 4 || b.length < header || referenceChecksum(b.subarray(0, header)) !== 0) return toHex(b);
  b.fill(0, 4, 6);
  b.fill(0, 10, 12);
  const sum = referenceChecksum(b.subarray(0, header));
  b[10] = sum >>> 8;
  b[11] = sum;
  if (b[9] === Next.udp && b.length >= header + UDP_LEN) completeUdp(b, header);
  return toHex(b);
}

/** Completes the checksum of the datagram whose header is at `udp`, if it is the bare sum of the pseudo header. */
function completeUdp(b: Uint8Array, udp: number): void {
  const datagram = b.subarray(udp);
  const pseudo = Uint8Array.of(...b.subarray(12, 20), 0, Next.udp, ...datagram.subarray(4, 6));
  if (datagram[6] * 256 + datagram[7] !== 0xffff - referenceChecksum(pseudo)) return;
  datagram.fill(0, 6, 8);
  datagram.set(be16(referenceChecksum(pseudo, datagram) || 0xffff), 6);
}
