import { expect, test } from 'vitest';
import { namesIn } from '../../src/config/names.js';
import { only, problems, tunnel, valid } from './documents.js';

const client = (...lines: string[]) => tunnel('teredo', 'client', ...lines);
const server = (...lines: string[]) => tunnel('teredo', 'server', ...lines);
const relay = (...lines: string[]) => tunnel('teredo', 'relay', ...lines);
const TWO = ['local = "192.0.2.1"', 'secondary = "192.0.2.2"'] as const;
const text = (said: string) => new TextEncoder().encode(said);

test('a client needs a server and nothing else; the other address of the server is the next one', () => {
  expect(only(valid(client('server = "192.0.2.1"')), 'teredo')).toMatchObject({
    name: 'teredo-client',
    interface: 'tunteredo',
    local: null,
    accept: [],
    mtu: 1280,
    ttl: 64,
    dscp: 0,
    ecn: 'compatibility',
    pathMtuDiscovery: false,
    prefix: { addr: Uint8Array.of(0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), len: 32 },
    port: 0,
    servers: [{ primary: 0xc0000201, secondary: 0xc0000202 }],
    secondary: null,
    keys: [],
    refreshInterval: 30,
    searchesInterval: false,
    localDiscovery: false,
    maxPeers: 1000,
    domain: null,
  });
  expect(problems(client())).toEqual(['1:1: tunnel[0].server: is missing: role "client" has no default for it']);
});

test('a server has two addresses, the one port that there is, and no interface', () => {
  expect(only(valid(server(...TWO)), 'teredo')).toMatchObject({
    name: 'teredo-server',
    interface: null,
    local: 0xc0000201,
    secondary: 0xc0000202,
    port: 3544,
    servers: [],
    keys: [],
  });
  expect(problems(server())).toEqual([
    '1:1: tunnel[0].local: is missing: role "server" has no default for it',
    '1:1: tunnel[0].secondary: is missing: role "server" has no default for it',
  ]);
  expect(problems(server(...TWO, 'interface = "tun0"', 'port = 3544'))).toEqual([
    '6:1: tunnel[0].interface: is no key of role "server"; expected it with role "client" or "relay" only',
    '7:1: tunnel[0].port: is no key of role "server"; expected it with role "client" or "relay" only',
  ]);
});

test('a server takes no name of a device from the others', () => {
  const config = valid(server(...TWO) + relay() + client('server = "192.0.2.1"'));
  expect(config.tunnels.map((one) => one.interface)).toEqual([null, 'tunteredo', 'tunteredo-2']);
});

test('a relay needs nothing: it is that of its host', () => {
  expect(only(valid(relay()), 'teredo')).toMatchObject({ local: null, port: 3545, servers: [], keys: [], maxPeers: 100_000 });
});

test('a role takes its own keys only', () => {
  const line = (key: string, role: string, ...roles: string[]) =>
    `tunnel[0].${key}: is no key of role "${role}"; expected it with role ${roles.map((one) => `"${one}"`).join(' or ')} only`;
  expect(problems(relay('server = "192.0.2.1"', 'secondary = "192.0.2.2"', 'refresh-interval = 30', 'identifier = "a"'))).toEqual([
    `4:1: ${line('server', 'relay', 'client')}`,
    `5:1: ${line('secondary', 'relay', 'client', 'server')}`,
    `6:1: ${line('refresh-interval', 'relay', 'client')}`,
    `7:1: ${line('identifier', 'relay', 'client')}`,
  ]);
  expect(problems(client('server = "192.0.2.1"', '[[tunnel.client]]', 'identifier = "a"', 'secret = "12345678"'))).toEqual([
    `5:1: ${line('client', 'client', 'server')}`,
  ]);
});

test('a client in secure mode has identifier and secret, both or neither', () => {
  const config = valid(client('server = "192.0.2.1"', 'identifier = "pc"', 'secret = "0x0011223344556677"'));
  expect(only(config, 'teredo').keys).toEqual([
    { identifier: text('pc'), secret: Uint8Array.of(0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77) },
  ]);
  expect(problems(client('server = "192.0.2.1"', 'identifier = "pc"'))).toEqual([
    '1:1: tunnel[0].secret: is missing beside "identifier"; expected both or neither',
  ]);
  expect(problems(client('server = "192.0.2.1"', 'secret = "12345678"'))).toEqual([
    '1:1: tunnel[0].identifier: is missing beside "secret"; expected both or neither',
  ]);
});

test('a server knows each of its clients once, and never says what their secrets are', () => {
  const known = (identifier: string) => `[[tunnel.client]]\nidentifier = "${identifier}"\nsecret = "12345678"`;
  expect(only(valid(server(...TWO, known('a'), known('b'))), 'teredo').keys).toEqual([
    { identifier: text('a'), secret: text('12345678') },
    { identifier: text('b'), secret: text('12345678') },
  ]);
  expect(problems(server(...TWO, known('a'), known('0x61')))).toEqual([
    '10:1: tunnel[0].client[1].identifier: is that of another client; expected one of its own',
  ]);
  const short = problems(server(...TWO, known('a').replace('12345678', 'hunter2')));
  expect(short).toHaveLength(1);
  expect(short[0]).not.toContain('hunter2');
});

test('servers are there once, and have another address each', () => {
  expect(problems(client('server = ["192.0.2.1", "192.0.2.9", "192.0.2.1"]', 'secondary = ["192.0.2.2", "192.0.2.9"]'))).toEqual([
    '4:37: tunnel[0].server[2]: 192.0.2.1 is in the list already; expected each once',
    '5:1: tunnel[0].secondary: has 2 for 3 in "server"; expected one for each',
    '5:27: tunnel[0].secondary[1]: 192.0.2.9 is the server itself; expected another address of the same server',
  ]);
  expect(problems(server('local = "192.0.2.1"', 'secondary = ["192.0.2.1", "192.0.2.2"]'))).toEqual([
    '5:1: tunnel[0].secondary: has 2 elements; expected one address in a server',
    '5:1: tunnel[0].secondary: 192.0.2.1 is "local" already; expected another address of this host',
  ]);
});

test('a name is asked for once, and nobody can tell the other addresses of those it stands for', () => {
  const config = valid(client('server = ["a.example", "192.0.2.1", "b.example"]') + client('name = "two"', 'server = "b.example"'));
  expect([...namesIn(config)]).toEqual(['a.example', 'b.example']);
  expect(problems(client('server = ["a.example", "A.example"]'))).toEqual([
    '4:24: tunnel[0].server[1]: "a.example" is in the list already; expected each once',
  ]);
  expect(problems(client('server = ["192.0.2.1", "a.example"]', 'secondary = ["192.0.2.2", "192.0.2.3"]'))).toEqual([
    '4:24: tunnel[0].server[1]: "a.example" is a name, whose addresses cannot be told beside "secondary"; expected an IPv4 address',
  ]);
});

test('a UDP port has one owner, and protocol 41 beside it shares nothing', () => {
  expect(
    problems(
      relay('local = "192.0.2.1"') + client('local = "192.0.2.1"', 'server = "192.0.2.9"') + tunnel('6to4', 'host', 'local = "192.0.2.1"'),
    ),
  ).toEqual([]);
  expect(problems(relay('name = "a"') + relay('name = "b"'))).toEqual([
    '5:1: tunnel[1].local: UDP port 3545 of the address of the default route is that of tunnel[0]; expected a port of its own',
  ]);
  expect(problems(server(...TWO) + relay('local = "192.0.2.2"', 'port = 3544'))).toEqual([
    '10:1: tunnel[1].port: UDP port 3544 of 192.0.2.2 is that of tunnel[0]; expected a port of its own',
  ]);
  expect(problems(server(...TWO) + server('name = "b"', 'local = "192.0.2.3"', 'secondary = "192.0.2.2"'))).toEqual([
    '11:1: tunnel[1].secondary: UDP port 3544 of 192.0.2.2 is that of tunnel[0]; expected a port of its own',
  ]);
});
