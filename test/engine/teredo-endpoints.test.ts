/** TRDO-AD-12, TRDO-AD-13: which IPv4 addresses are global unicast ones to Teredo, RFC 4380 section 5.2.4. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Explainer } from '../../src/engine/explain.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { be16, echoRequest, ipv4 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';

const ip = (text: string) => parseIpv4(text) ?? expect.fail(text);
const { teredo_global_unicast: VECTORS } = JSON.parse(
  readFileSync(new URL('../../vectors/shared/vectors.json', import.meta.url), 'utf8'),
) as {
  teredo_global_unicast: readonly { v4: string; global: boolean }[];
};
/** Global to RFC 4380, and not to IANA's registry, which is younger and goes first: reserved, shared, documentation, benchmarking. */
const REFUSED_SINCE = ['240.0.0.1', '100.64.0.1', '192.0.2.1', '198.18.0.1', '203.0.113.1'];

test.each(VECTORS)('TRDO-AD-12: $v4 is global unicast to RFC 4380: $global', ({ v4, global }) => {
  expect(EndpointPolicy.teredo([]).special(ip(v4))).toBe(!global || REFUSED_SINCE.includes(v4));
});

test('TRDO-AD-13: reserved and shared addresses are refused, unless they are allowed by name', () => {
  for (const text of ['240.0.0.1', '255.255.255.254', '100.64.0.1', '100.127.255.255']) {
    expect(EndpointPolicy.teredo([]).special(ip(text))).toBe(true);
    expect(EndpointPolicy.teredo([{ addr: 0, len: 0 }]).special(ip(text))).toBe(false);
  }
});

test('TRDO-AD-12: the own directed broadcasts are refused, even where their range is allowed', () => {
  const policy = EndpointPolicy.teredo([{ addr: ip('203.0.113.0'), len: 24 }], [ip('203.0.113.255')]);
  expect(['203.0.113.254', '203.0.113.255'].map((text) => policy.special(ip(text)))).toEqual([false, true]);
});

describe('relays of 6to4, whom a 6to4 node takes', () => {
  const CLIENT_AT_RELAY = '2001:0:4136:e378:0:63bf:3fa7:9cfe'; // 192.88.99.1, port 40000
  const SERVED_BY_RELAY = '2001:0:c058:6301:0:63bf:3fff:fdd2'; // 192.0.2.45, port 40000, by the server 192.88.99.1
  const WEB = '3fff:0:1::80';
  const node = nodeOf(`
[node]
identity = "3fff:0:ffff::1"

[[tunnel]]
type  = "teredo"
role  = "relay"
local = "203.0.113.200"

[policy]
allow-ipv4 = ["192.0.2.0/24", "203.0.113.0/24"]
`);

  test.each([
    ['a client', CLIENT_AT_RELAY],
    ['a server', SERVED_BY_RELAY],
  ])('are not taken for %s of Teredo: nothing is sent', (_, dst) => {
    const { verdict, reason, answers } = new Explainer(node).explain('v6', echoRequest({ src: WEB, dst }), 0);
    expect([verdict, reason, answers]).toEqual(['drop', 'special_ipv4', []]);
  });

  test('nor is what seems to come from one', () => {
    const payload = echoRequest({ src: CLIENT_AT_RELAY, dst: WEB });
    const header = Uint8Array.of(...be16(40_000), ...be16(3545), ...be16(8 + payload.length), 0, 0);
    const packet = ipv4({ src: '192.88.99.1', dst: '203.0.113.200', protocol: 17 }, Uint8Array.of(...header, ...payload));
    const { verdict, reason, answers } = new Explainer(node).explain('v4', packet, 0);
    expect([verdict, reason, answers]).toEqual(['drop', 'special_ipv4', []]);
  });
});
