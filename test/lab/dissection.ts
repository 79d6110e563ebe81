/** Captures as tshark reads them, with every checksum verified. */
import { execFileSync } from 'node:child_process';

/** A checksum that tshark has verified, and the severity of an error; epan/expert.h of Wireshark. */
export const GOOD = '1';
export const ERROR = 0x800000;

/** A packet as tshark sees it. */
export interface Packet {
  /** Octets of the frame, and of TCP's data in it. */
  readonly frame: number;
  readonly octets: number;
  readonly icmp: string;
  /** Protocols, outermost first, joined by colons. */
  readonly protocols: string;
  /** Source and destination: of the IPv4 packet, and of the IPv6 packet. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  readonly checksums: readonly string[];
  readonly malformed: string;
  readonly severities: readonly number[];
}

/** What tshark makes of a capture, TCP's checksums verified too. */
export function dissect(file: string): Packet[] {
  const fields = [
    ...['frame.len', 'tcp.len', 'icmpv6.type', 'frame.protocols'],
    ...['ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst'],
    ...['ip.checksum.status', 'tcp.checksum.status', 'icmpv6.checksum.status'],
    ...['_ws.malformed', '_ws.expert.severity'],
  ];
  const preferences = ['tcp.check_checksum:TRUE', 'ip.check_checksum:TRUE'].flatMap((preference) => ['-o', preference]);
  const wanted = fields.flatMap((field) => ['-e', field]);
  // Linux writes a sum of zero as its other form, 0xffff (skb_checksum_help): as right in TCP, and one packet in 65536, but tshark calls it wrong.
  const options = ['-n', ...preferences, '-Y', 'not tcp.checksum == 0xffff', '-T', 'fields', ...wanted];
  const text = execFileSync('tshark', [...options, '-r', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const values = line.split('\t');
      const [frame, octets, icmp, protocols, ...more] = values;
      // After a comma stands what an ICMPv6 error quotes, cut as it may be.
      const first = more.map((value) => value.split(',')[0]);
      return {
        frame: Number(frame),
        octets: Number(octets),
        icmp: icmp.split(',')[0],
        protocols,
        ipv4: first.slice(0, 2),
        ipv6: first.slice(2, 4),
        checksums: first.slice(4, 7).filter((status) => status !== ''),
        malformed: values[11],
        severities: values[12].split(',').map(Number),
      };
    });
}
