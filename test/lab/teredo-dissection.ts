/** What Wireshark makes of the UDP in a capture when all of it is to be Teredo, which it then has to be. */
import { execFileSync } from 'node:child_process';
import { ERROR, GOOD } from './dissection.js';

/** One datagram. */
export interface Datagram {
  /** IPv4 source and destination. */
  readonly from: string;
  readonly to: string;
  /** Protocols, outermost first, joined by colons; those of the IPv6 packet inside too. */
  readonly protocols: string;
  /** What is wrong with it: no Teredo, malformed, a checksum that is not right. */
  readonly defects: readonly string[];
}

const FIELDS = ['ip.src', 'ip.dst', 'frame.protocols', 'udp.checksum.status', '_ws.malformed', '_ws.expert.severity', '_ws.expert.message'];

/** Reads the datagrams of a capture. Ports say nothing between peers: whatever they are, it is read as Teredo. */
export function dissectTeredo(file: string): Datagram[] {
  const options = ['-n', '-d', 'udp.port==1-65535,teredo', '-o', 'udp.check_checksum:TRUE', '-Y', 'udp and not icmp', '-T', 'fields'];
  const fields = FIELDS.flatMap((field) => ['-e', field]);
  const text = execFileSync('tshark', [...options, ...fields, '-r', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [from, to, protocols, checksum, malformed, severity, message] = line.split('\t');
      return {
        from,
        to,
        protocols,
        defects: [
          ...(/^eth:ethertype:ip:udp:teredo:ipv6(:|$)/.test(protocols) ? [] : [`not Teredo: ${protocols}`]),
          // Of what an ICMPv6 error inside quotes, the checksum is not looked at.
          ...(checksum.split(',')[0] === GOOD ? [] : ['checksum']),
          ...(malformed === '' ? [] : [`malformed: ${malformed}`]),
          ...(Math.max(...severity.split(',').map(Number)) >= ERROR ? [`error: ${message}`] : []),
        ],
      };
    });
}
