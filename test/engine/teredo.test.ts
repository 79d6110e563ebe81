/** Teredo tunnels in the engine: what lies between their roles and their sockets. */
import { expect, test } from 'vitest';
import { Explainer } from '../../src/engine/explain.js';
import { formatIpv4 } from '../../src/wire/address.js';
import { dst4, IPV4_LEN, src4 } from '../../src/wire/ipv4.js';
import { UDP_LEN, udpDestination, udpOffset4, udpSource } from '../../src/wire/udp.js';
import { answerTo, readQuestion, writeAnswer } from '../role/teredo-fake-server.js';
import { be16, echoRequest, ipv4, toHex } from '../vectors/compose.js';
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

const HOST = `
[[tunnel]]
type   = "teredo"
role   = "client"
server = ["65.54.227.120"]
local  = "192.168.7.2"
port   = 40000

[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
`;

const SERVER = `
[[tunnel]]
type      = "teredo"
role      = "server"
local     = "65.54.227.120"
secondary = "65.54.227.121"

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

test('what a native host may have sent unasked is held by a client until the host has answered it', () => {
  const host = new Explainer(nodeOf(HOST));
  const answered = (question: Uint8Array): Uint8Array => {
    const payload = question.slice(IPV4_LEN + UDP_LEN);
    const answer = answerTo(readQuestion(toHex(payload), null), '65.54.227.120', '192.0.2.45:40000');
    return datagram(formatIpv4(dst4(question, 0)), '192.168.7.2', 3544, 40_000, writeAnswer(answer).payload);
  };
  const [toPrimary] = host.pass(0);
  const { verdict, answers } = host.explain('v4', answered(toPrimary.octets), 1);
  expect([verdict, answers.map(({ octets }) => ends(octets))]).toEqual(['consumed', ['192.168.7.2:40000 > 65.54.227.121:3544']]);
  expect(host.explain('v4', answered(answers[0].octets), 2).verdict).toBe('consumed');

  const stranger = datagram('203.0.113.200', '192.168.7.2', 3545, 40_000, echoRequest({ src: WEB, dst: CLIENT }));
  const unasked = host.explain('v4', stranger, 3);
  expect([unasked.verdict, unasked.reason, unasked.out, unasked.answers.map(({ octets }) => ends(octets))]).toEqual([
    'hold',
    null,
    null,
    ['192.168.7.2:40000 > 65.54.227.120:3544'],
  ]);
});

test('a server is one hop for what it hands to the IPv6 stack of its host, and the last one for what has no more', () => {
  const server = new Explainer(nodeOf(SERVER));
  const passed = [64, 2, 1, 0].map((hopLimit) => {
    const { out, reason, answers } = server.explain(
      'v4',
      datagram('192.0.2.45', '65.54.227.120', 40_000, 3544, echoRequest({ src: CLIENT, dst: WEB, hopLimit })),
      0,
    );
    return [out?.[7] ?? reason, answers.length];
  });
  expect(passed).toEqual([
    [63, 0],
    [1, 0],
    ['hop_limit', 0],
    ['hop_limit', 0],
  ]);
});
