/** Wireshark's opinion on packets that we write. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pcapHeader, pcapRecord } from '../../src/wire/pcap.js';

/** Why tshark cannot be asked; null when it can. */
export const tsharkMissing = spawnSync('tshark', ['--version']).status === 0 ? null : 'tshark is not installed';

/** What is worth a complaint whatever the packet is. */
const COMPLAINTS = ['_ws.malformed', '_ws.expert.message', 'ip.checksum.status', 'icmp.checksum.status', 'icmpv6.checksum.status'];
/** Checksum states: good, not verified (of a quoted packet that is cut), not there. 0 is bad. */
const FINE = ['1', '2', '3'];

/** One packet as tshark sees it. */
export interface Dissection {
  /** Values of the fields asked for, as tshark prints them; several are joined by commas. */
  readonly fields: readonly string[];
  /** Malformed parts, expert messages and wrong checksums. */
  readonly complaints: readonly string[];
}

/** Dissects a capture file given as octets. Expert messages in `expected` are no complaints. */
export function dissectFile(file: Uint8Array, fields: readonly string[], expected: readonly string[] = []): Dissection[] {
  const folder = mkdtempSync(join(tmpdir(), 'tsunagi-tshark-'));
  try {
    const path = join(folder, 'capture.pcap');
    writeFileSync(path, file);
    const wanted = [...COMPLAINTS, ...fields].flatMap((field) => ['-e', field]);
    const options = ['-o', 'ip.check_checksum:TRUE', '-o', 'ip.defragment:TRUE', '-T', 'fields', '-E', 'separator=|'];
    // Teredo between peers, whose ports tell nothing.
    options.push('--enable-heuristic', 'teredo_udp');
    const text = execFileSync('tshark', ['-n', '-r', path, ...options, ...wanted], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => dissection(line.split('|'), expected));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Dissects packets without a link header. */
export function dissect(packets: readonly Uint8Array[], fields: readonly string[], expected: readonly string[] = []): Dissection[] {
  const records = packets.map((b, i) => pcapRecord(i, b, 0, b.length));
  return dissectFile(Buffer.concat([pcapHeader(101), ...records]), fields, expected);
}

function dissection(values: readonly string[], expected: readonly string[]): Dissection {
  const complaints = COMPLAINTS.flatMap((field, i) =>
    values[i]
      .split(',')
      .filter((value) => value !== '' && !(field.endsWith('.status') && FINE.includes(value)) && !expected.includes(value))
      .map((value) => `${field}: ${value}`),
  );
  return { fields: values.slice(COMPLAINTS.length), complaints };
}
