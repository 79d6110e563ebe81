/**
 * What dnsmasq 2.90 answered over a veth pair to the host 02:00:00:00:00:01, captured by a packet socket:
 *
 *   dnsmasq --no-daemon --port=0 --dhcp-authoritative --dhcp-range=10.100.100.1,10.100.100.1,255.255.0.0,600 \
 *     --dhcp-option=3,10.100.0.1 --dhcp-option=212,08:20:20:01:0d:b8:00:00:00:00:00:00:00:00:00:00:00:00:0a:00:00:01
 */
import { hex } from './vectors.js';

const zeros = (octets: number) => '00'.repeat(octets);
const FIXED_REST = zeros(10 + 64 + 128);
const LEASE = '36040a6400013304000002583a040000012c3b040000020d';
const SITE = '0104ffff00001c040a64ffffd416082020010db80000000000000000000000000a00000103040a640001ff';

/** Transaction of `OFFER` and `ACK`. */
export const XID = 0xbacae6bd;
/** Transaction of `INFORM_ACK`. */
export const INFORM_XID = 0x7cc39f78;

/** An IPv4 packet by broadcast. Its UDP checksum is left to hardware that a veth pair has not. */
export const OFFER = hex(
  `45c001526d1b00004011015c0a640001ffffffff00430044013e0bb402010600bacae6bd00008000000000000a6464010a64000100000000020000000001${FIXED_REST}63825363350102${LEASE}${SITE}`,
);

/** Likewise. */
export const ACK = hex(
  `45c001526d1d00004011015a0a640001ffffffff00430044013e0bb402010600bacae6bd00008000000000000a6464010a64000100000000020000000001${FIXED_REST}63825363350105${LEASE}${SITE}`,
);

/** Likewise, to 10.100.100.2 alone: the answer to an INFORM. */
export const INFORM_ACK = hex(
  `45c00148c509000040113b110a6400010a6464020043004401347a10020106007cc39f78000000000a646402000000000a64000100000000020000000001${FIXED_REST}6382536335010536040a640001${SITE}${zeros(8)}`,
);
