/** Names of potential routers, asked of a real name server: RFC 5214 section 8.3.2. */
import { test as base, expect } from 'vitest';
import { MAX_ADDRESSES, PATIENCE } from '../../src/daemon/dns.js';
import { Namespace, withoutNamespaces } from '../linux/namespace.js';
import { withoutDnsmasq } from './dhcp-server.js';
import { NameService } from './name-server.js';

const test = base.extend<{ names: NameService }>({
  names: async ({ skip }, use) => {
    const reason = withoutNamespaces() ?? withoutDnsmasq();
    if (reason !== null) skip(reason);
    const namespace = new Namespace();
    const names = new NameService(namespace, 'corp.test campus.test');
    await use(names);
    await names.close();
    namespace.close();
  },
});

test('"isatap" is looked for in the domains of the search list, and other names are asked for as they are', async ({ names }) => {
  await names.serve(['--address=/isatap.campus.test/192.0.2.1', '--address=/isatap.other.test/192.0.2.9', '--local-ttl=60']);
  expect(await names.ask('isatap', 'isatap.other.test', 'nobody', 'nobody.campus.test')).toMatchObject([
    { addresses: ['192.0.2.1'], ttl: 60 },
    { addresses: ['192.0.2.9'], ttl: 60 },
    { addresses: [] },
    { addresses: [] },
  ]);
});

test('a hundred addresses, which do not fit into a datagram, are the lowest sixteen, the same each time', async ({ names }) => {
  const records = Array.from({ length: 100 }, (_, i) => `--host-record=isatap.campus.test,192.0.2.${100 - i}`);
  await names.serve([...records, '--local-ttl=0']);
  const lowest = Array.from({ length: MAX_ADDRESSES }, (_, i) => `192.0.2.${i + 1}`);
  expect(await names.ask('isatap', 'isatap')).toMatchObject([
    { addresses: lowest, ttl: 0 },
    { addresses: lowest, ttl: 0 },
  ]);
});

test('addresses that are none of a router are left out', async ({ names }) => {
  const odd = ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '192.0.2.7'];
  await names.serve(odd.map((address) => `--host-record=isatap.campus.test,${address}`));
  expect(await names.ask('isatap')).toMatchObject([{ addresses: ['192.0.2.7'] }]);
});

test('a server that is silent, late, or not there is a failure within the time that there is for it', async ({ names }) => {
  const [absent] = await names.ask('isatap');
  expect(absent.failed).toContain('isatap.corp.test');
  expect(absent.milliseconds).toBeLessThan(PATIENCE);
  await names.delay(Number.POSITIVE_INFINITY);
  const [silent] = await names.ask('isatap');
  expect(silent.failed).toMatch(/isatap/);
  expect(silent.milliseconds).toBeLessThan(PATIENCE + 1000);
  await names.delay(100);
  expect(await names.ask('isatap')).toMatchObject([{ addresses: ['192.0.2.1'] }]);
  await names.delay(PATIENCE - 1000);
  const [late] = await names.ask('isatap');
  expect(late.failed).toMatch(/isatap/);
  expect(late.milliseconds).toBeLessThan(PATIENCE + 1000);
});
