/** TRDO-RL-09: a relay behind a NAT, as a home with native IPv6 has it for itself. */
import { expect, test } from 'vitest';
import { Explainer } from '../../src/engine/explain.js';
import { formatIpv4 } from '../../src/wire/address.js';
import { dst4, IPV4_LEN, src4 } from '../../src/wire/ipv4.js';
import { UDP_LEN, udpDestination, udpOffset4, udpSource } from '../../src/wire/udp.js';
import { echoRequest, ipv6, toHex } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';

const WEB = '3fff:0:1::80';
const IDENTITY = '3fff:0:ffff::1';
/** Of 192.0.2.45, port 40000, by server 65.54.227.120. */
const CLIENT = '2001:0:4136:e378:0:63bf:3fff:fdd2';
const node = nodeOf(`
[node]
identity = "${IDENTITY}"

[[tunnel]]
type  = "teredo"
role  = "relay"
local = "192.168.1.2"

[policy]
allow-ipv4 = ["192.0.2.0/24"]
`);

function ends(packet: Uint8Array): string {
  const udp = udpOffset4(packet, 0);
  return `${formatIpv4(src4(packet, 0))}:${udpSource(packet, udp)} > ${formatIpv4(dst4(packet, 0))}:${udpDestination(packet, udp)}`;
}

test('TRDO-RL-09: asks by the server, and opens its NAT by a bubble straight to the client', () => {
  const { verdict, answers } = new Explainer(node).explain('v6', echoRequest({ src: WEB, dst: CLIENT }), 0);
  expect(verdict).toBe('hold');
  expect(answers.map(({ octets }) => ends(octets))).toEqual([
    '192.168.1.2:3545 > 65.54.227.120:3544',
    '192.168.1.2:3545 > 192.0.2.45:40000',
  ]);
  const bubble = toHex(ipv6({ src: IDENTITY, dst: CLIENT, hopLimit: 255 }, 59, new Uint8Array(0)));
  const [indirect, direct] = answers.map(({ octets }) => toHex(octets.subarray(IPV4_LEN + UDP_LEN)));
  // RFC 6081 section 5.2.4.1: a nonce behind the one by the server.
  expect([indirect.slice(0, 80), indirect.slice(80, 84), direct]).toEqual([bubble, '0104', bubble]);
});
