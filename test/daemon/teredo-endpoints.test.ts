/** TRDO-AD-12 in a file: RFC 4380 section 5.2.4 has nobody of Teredo at the address of a 6to4 relay. */
import { expect, test } from 'vitest';
import { tunnel } from '../config/documents.js';
import { on } from './host.js';

const IS = '192.88.99.1 is 6to4 relay anycast (RFC 4380 section 5.2.4)';
const EXPECTED = 'expected a globally reachable address, or its range in policy.allow-ipv4';

test.each([
  ['a server', 'local', tunnel('teredo', 'server', 'local = "192.88.99.1"', 'secondary = "8.8.8.8"')],
  ['the other address of a server', 'secondary', tunnel('teredo', 'server', 'secondary = "192.88.99.1"', 'local = "8.8.8.8"')],
  ['the server of a client', 'server[0]', tunnel('teredo', 'client', 'server = "192.88.99.1"', 'secondary = "8.8.8.8"')],
  ['its other address', 'secondary[0]', tunnel('teredo', 'client', 'secondary = "192.88.99.1"', 'server = "8.8.8.8"')],
])('%s is not there', (_, key, text) => {
  expect(on({}, text).said.filter((line) => line.includes('192.88.99.1'))).toEqual([
    expect.stringMatching(
      new RegExp(`^4:.*: tunnel\\[0\\]\\.${key.replace(/[[\]]/g, '\\$&')}: ${IS.replace(/[()]/g, '\\$&')}; ${EXPECTED}$`),
    ),
  ]);
});

test('a relay is not either, though it may have a private address', () => {
  const said = (local: string) => on({}, tunnel('teredo', 'relay', `local = "${local}"`)).said.filter((line) => line.includes(local));
  expect(said('192.88.99.1')).toEqual([expect.stringMatching(/^4:1: tunnel\[0\]\.local: 192\.88\.99\.1 is 6to4 relay anycast /)]);
  expect(said('10.0.0.1').filter((line) => line.includes('private'))).toEqual([]);
});

test('a relay of 6to4 is', () => {
  expect(on({}, tunnel('6to4', 'relay', 'local = "192.88.99.1"')).said.filter((line) => line.includes('192.88.99.1'))).toEqual([]);
});
