import { expect, test } from 'vitest';
import { candidates } from '../../src/daemon/dns.js';

const LIST = 'nameserver 192.0.2.53\nsearch corp.test. campus.test\noptions ndots:1\n';

test('a name without a dot is asked for in each domain of the search list, and never as it is', () => {
  expect(candidates('isatap', LIST, 'pc.home.test')).toEqual(['isatap.corp.test', 'isatap.campus.test']);
});

test('a name with a dot is asked for as it is; a dot at its end is no part of it', () => {
  expect(candidates('isatap.campus.test', LIST, 'pc')).toEqual(['isatap.campus.test']);
  expect(candidates('isatap.', LIST, 'pc')).toEqual(['isatap']);
});

test('resolv.conf(5): the last of search and domain holds, and domain names one', () => {
  expect(candidates('isatap', 'domain a.test\nsearch b.test c.test\n', 'pc')).toEqual(['isatap.b.test', 'isatap.c.test']);
  expect(candidates('isatap', '  search b.test\n\tdomain a.test other\n', 'pc')).toEqual(['isatap.a.test']);
});

test('without a list the domain of the host takes its place; a host without one leaves the bare name', () => {
  expect(candidates('isatap', '# search x.test\nnameserver ::1', 'pc.home.test')).toEqual(['isatap.home.test']);
  expect(candidates('isatap', '', 'pc')).toEqual(['isatap']);
});

test('a list that is longer than six is cut', () => {
  const domains = Array.from({ length: 300 }, (_, i) => `d${i}.test`);
  expect(candidates('isatap', `search ${domains.join(' ')}`, 'pc')).toEqual(domains.slice(0, 6).map((domain) => `isatap.${domain}`));
});
