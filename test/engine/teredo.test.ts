/** Teredo tunnels in the engine: what lies between their roles and their sockets. */
import { expect, test } from 'vitest';
import { Explainer } from '../../src/engine/explain.js';
import { formatIpv4 } from '../../src/wire/address.js';
import { dst4, IPV4_LEN, src4 } from '../../src/wire/ipv4.js';
import { UDP_LEN, udpDestination, udpOffset4, udpSource } from '../../src/wire/udp.js';
import { be16, echoRequest, ipv4 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';

const WEB = '3fff:0:1::80';
/** Of 192.0.2.45, port 40000, and of 198.51.100.118, port 4096; both by server 65.54.227.120. */
const CLIENT = '2001:0:4136:e378:0:63bf:3fff:fdd2';
const OTHER = '2001:0:4136:e378:0:efff:39cc:9b89';
const RELAY = `
[node]
identity = "3fff:0:ffff::1"

[[tunnel]]
type  = "teredo"
role  = "relay"
local = "203.0.113.200"

[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
`;

/** A datagram without a checksum, which RFC 768 allows. */
function datagram(src: string, dst: string, sourcePort: number, destinationPort: number, payload: Uint8Array): Uint8Array {
  const header = Uint8Array.of(...be16(sourcePort), ...be16(destinationPort), ...be16(UDP_LEN + payload.length), 0, 0);
  return ipv4({ src, dst, protocol: 17 }, Uint8Array.of(...header, ...payload));
}

/** `source:port > destination:port` of a datagram. */
function ends(packet: Uint8Array): string {
  const udp = udpOffset4(packet, 0);
  return `${formatIpv4(src4(packet, 0))}:${udpSource(packet, udp)} > ${formatIpv4(dst4(packet, 0))}:${udpDestination(packet, udp)}`;
}

test('an ICMPv6 error goes to the endpoint of the client that it is for, whoever was spoken to before', () => {
  const relay = new Explainer(nodeOf(RELAY));
  const toOther = relay.explain('v6', echoRequest({ src: WEB, dst: OTHER }), 0);
  expect([toOther.verdict, toOther.answers.map(({ octets }) => ends(octets))]).toEqual([
    'hold',
    ['203.0.113.200:3545 > 65.54.227.120:3544'],
  ]);
  const dying = datagram('192.0.2.45', '203.0.113.200', 40_000, 3545, echoRequest({ src: CLIENT, dst: WEB, hopLimit: 1 }));
  const { verdict, reason, answers } = relay.explain('v4', dying, 1);
  expect([verdict, reason, answers.map(({ octets }) => ends(octets))]).toEqual([
    'drop',
    'hop_limit',
    ['203.0.113.200:3545 > 192.0.2.45:40000'],
  ]);
  // Time exceeded, in IPv6 without any header of Teredo.
  expect([answers[0].octets[IPV4_LEN + UDP_LEN] >>> 4, answers[0].octets[IPV4_LEN + UDP_LEN + 40]]).toEqual([6, 3]);
});
