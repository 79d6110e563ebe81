import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';

/** Valid, and with most keys in it. */
const VALID = `workers = 2

[node]
name = "otemachi-1"
identity = "2001:db8:0:b000:192:88:99:1"

[[tunnel]]
name = "relay"
type = "6to4"
role = "relay"
local = "192.88.99.1"
accept = ["203.0.113.1", "203.0.113.2"]
mtu = 1480
dscp = "copy"

[[tunnel]]
type = "6to4"
role = "router"
relay = "192.88.99.1"
interface-id = "1:2:3:4"
lan = [{ interface = "lan0", subnet = 1 }, { interface = "lan1", subnet = 2 }]

[[tunnel]]
name = "home"
type = "6rd"
role = "customer-edge"
local = "10.1.2.3"
ipv4-prefix = "10.0.0.0/8"
prefix = "2001:db9::/32"
ipv4-mask-length = 8
border-relays = ["10.0.0.1", "192.88.99.201"]
hub-and-spoke = true
lan = [{ interface = "lan2", subnet = 255 }]

[[tunnel]]
name = "leased"
type = "6rd"
role = "customer-edge"
dhcp-interface = "eth9"

[[tunnel]]
name = "provider"
type = "6rd"
role = "border-relay"
local = "10.0.0.9"
option-212 = "d416081c3fff0a000000000000000000000000000a000009"
anycast = true

[[tunnel]]
type = "isatap"
role = "host"
local = "172.16.1.9"
potential-routers = ["isatap.campus.test", "172.16.1.1"]

[[tunnel]]
type = "isatap"
role = "router"
local = "172.16.1.8"
prefix = "2001:db8:15a:1::/64"
router-lifetime = 0

[[tunnel]]
type = "teredo"
role = "client"
local = "172.16.1.9"
server = ["192.0.2.1", "198.51.100.1"]
secondary = ["192.0.2.9", "198.51.100.9"]
identifier = "つなぎ"
secret = "0x0001020304050607"
refresh-interval = 20

[[tunnel]]
type = "teredo"
role = "server"
local = "203.0.113.3"
secondary = "203.0.113.4"
client = [{ identifier = "pc", secret = "12345678" }]

[[tunnel]]
type = "teredo"
role = "relay"
local = "203.0.113.3"
port = 3797
max-peers = 7

[policy]
allow-ipv4 = ["203.0.113.0/24"]

[http]
listen = "[::1]:6404"
`;

const LINES = VALID.split('\n');
const somewhere = fc.nat(VALID.length);
const scrap = fc.oneof(
  fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '=',
    '.',
    ',',
    '\n',
    '#',
    '\\',
    '\u0000',
    '\u001b',
    '[[tunnel]]\n',
    '-',
    '9',
    'つ',
    '\ud800',
  ),
  fc.constantFrom(...LINES).map((line) => `${line}\n`),
  fc.string({ maxLength: 4 }),
);

/** Cuts out some characters and puts a scrap in their place. */
const mutation = fc.record({ at: somewhere, cut: fc.oneof(fc.constant(0), fc.nat(12), somewhere), scrap }).map(
  ({ at, cut, scrap: put }) =>
    (text: string) =>
      text.slice(0, at) + put + text.slice(at + cut),
);

/** Puts the value of one key behind another. */
const exchange = fc.record({ from: fc.nat(LINES.length - 1), to: fc.nat(LINES.length - 1) }).map(({ from, to }) => (text: string) => {
  const lines = text.split('\n');
  const value = LINES[from].split(' = ')[1];
  if (value !== undefined && lines[to]?.includes(' = ')) lines[to] = `${lines[to].split(' = ')[0]} = ${value}`;
  return lines.join('\n');
});

test('the configuration that the mutations start from is valid', () => {
  expect(parseConfig(VALID, 't.toml')).toMatchObject({ problems: [], config: { workers: 2 } });
});

test('whatever is done to a file, there is a configuration or an error, and each problem has its place, key and expectation', () => {
  const wrong = { syntax: 0, keys: 0, none: 0 };
  fc.assert(
    fc.property(fc.array(fc.oneof(mutation, exchange), { minLength: 1, maxLength: 4 }), (steps) => {
      const text = steps.reduce((so, step) => step(so), VALID);
      const { config, problems } = parseConfig(text, 't.toml');
      const errors = problems.filter(({ severity }) => severity === 'error');
      expect(config === null).toBe(errors.length > 0);

      const lines = text.split('\n');
      const syntax = problems.length === 1 && problems[0].expected === 'TOML 1.0';
      wrong[syntax ? 'syntax' : errors.length > 0 ? 'keys' : 'none']++;
      for (const { line, column, key, message } of problems) {
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual(lines[line - 1].length + 1);
        expect(key === '').toBe(syntax);
        expect(message).toMatch(/^[^\p{Cc}]+$/u);
      }
    }),
    { numRuns: 3000, seed: 6404 },
  );
  expect(Math.min(wrong.syntax, wrong.keys, wrong.none)).toBeGreaterThan(100);
});
