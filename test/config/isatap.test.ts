import { expect, test } from 'vitest';
import { only, problems, tunnel, valid } from './documents.js';

const host = (...lines: string[]) => tunnel('isatap', 'host', ...lines);
const router = (...lines: string[]) => tunnel('isatap', 'router', ...lines);

test('RFC 5214 section 9: a host that is told nothing asks for the name isatap', () => {
  expect(only(valid(host()), 'isatap')).toMatchObject({
    name: 'isatap-host',
    interface: 'tunisatap',
    local: null,
    dscp: 0,
    potentialRouters: ['isatap'],
    prefix: null,
    routerLifetime: 0,
  });
});

test('a router has a /64, and is a default router for half an hour', () => {
  expect(only(valid(router('prefix = "2001:db8:0:1::/64"')), 'isatap')).toMatchObject({
    potentialRouters: [],
    prefix: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1),
    routerLifetime: 1800,
  });
  expect(problems(router())).toEqual(['1:1: tunnel[0].prefix: is missing: role "router" has no default for it']);
});

test('a role takes its own keys only', () => {
  expect(problems(host('prefix = "2001:db8::/64"', 'router-lifetime = 60'))).toEqual([
    '4:1: tunnel[0].prefix: is no key of role "host"; expected it with role "router" only',
    '5:1: tunnel[0].router-lifetime: is no key of role "host"; expected it with role "router" only',
  ]);
  expect(problems(router('prefix = "2001:db8::/64"', 'potential-routers = ["10.0.0.1"]'))).toEqual([
    '5:1: tunnel[0].potential-routers: is no key of role "router"; expected it with role "host" only',
  ]);
});

test.each([
  '10.0.0',
  '10.0.0.256',
  '1',
  'a..b',
  '-a.example',
  'a-.example',
  'a b',
  '2001:db8::1',
  '',
  '.',
  'つなぎ.jp',
  `${'a'.repeat(64)}.b`,
  `${'a.'.repeat(127)}b`,
])('%j is neither an address nor a name', (text) => {
  const shown = text.length > 48 ? `${text.slice(0, 48)}…` : text;
  expect(problems(host(`potential-routers = ["isatap", "${text}"]`))).toEqual([
    `4:32: tunnel[0].potential-routers[1]: "${shown}" is neither an IPv4 address nor a DNS name; expected an IPv4 address or a DNS name such as "isatap.example.org"`,
  ]);
});

test('a potential router is another node, and there once', () => {
  const own = ['local = "10.1.1.1"', 'accept = ["10.1.1.2"]'];
  expect(
    problems(host(...own, 'potential-routers = ["r.example", "R.Example",', '"10.1.1.1", "10.0.0.1", "10.0.0.1", "10.1.1.2"]')),
  ).toEqual([
    '6:35: tunnel[0].potential-routers[1]: "r.example" is in the list already; expected each once',
    '7:1: tunnel[0].potential-routers[2]: 10.1.1.1 is an address of the tunnel itself; expected addresses of other nodes',
    '7:25: tunnel[0].potential-routers[4]: 10.0.0.1 is in the list already; expected each once',
    '7:37: tunnel[0].potential-routers[5]: 10.1.1.2 is an address of the tunnel itself; expected addresses of other nodes',
  ]);
});

test('two routers of one node have different prefixes', () => {
  const one = router('name = "a"', 'local = "10.0.0.1"', 'prefix = "2001:db8::/64"');
  const other = (prefix: string) => router('name = "b"', 'local = "10.0.0.2"', `prefix = "${prefix}"`);
  expect(problems(one + other('2001:db8:0:1::/64'))).toEqual([]);
  expect(problems(one + other('2001:db8::/64'))).toEqual([
    '12:1: tunnel[1].prefix: 2001:db8::/64 overlaps 2001:db8::/64 of tunnel[0]; expected a prefix of its own (RFC 5214 section 6.2)',
  ]);
});

test('hosts on one address share it, and are told so', () => {
  expect(problems(host('name = "a"') + host('name = "b"'))).toEqual([
    '5:1: warning: tunnel[1].local: shares the address of the default route with tunnel[0]; expected an address for each (RFC 3964 section 6.1)',
  ]);
});
