import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Kept, readKept, writeKept } from '../../src/linux/kept.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsunagi-kept-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const KEPT: Kept = {
  pins: '/sys/fs/bpf/tsunagi/relay-4026531840',
  devices: ['tun6to4'],
  steps: [
    { kind: 'link', interface: 'tun6to4', mtu: 1480 },
    { kind: 'route', to: '2002::/16', via: null, interface: 'tun6to4', metric: 1025 },
  ],
  slots: { relay: 0 },
};

const path = () => join(folder, 'state', 'kept.json');
/** Notes it, and changes what is on disk. */
function forge(change: object): Kept | null {
  writeKept(join(folder, 'state'), KEPT);
  writeFileSync(path(), JSON.stringify({ ...JSON.parse(readFileSync(path(), 'utf8')), ...change }));
  return readKept(join(folder, 'state'));
}

test('what is noted is read, in a folder that is made for it, and gone once nothing is kept', () => {
  const state = join(folder, 'state');
  expect(readKept(state)).toBeNull();
  writeKept(state, KEPT);
  expect(readKept(state)).toEqual(KEPT);
  writeKept(state, null);
  expect(readKept(state)).toBeNull();
});

test('nothing is kept over a boot, or in another network namespace', () => {
  expect(forge({})).toEqual(KEPT);
  expect(forge({ boot: 'another' })).toBeNull();
  expect(forge({ namespace: 'net:[1]' })).toBeNull();
});

test.each([
  ['a device whose name is two commands', { devices: ['tun\nlink delete eth0'] }],
  [
    'an address with a word too many',
    { steps: [{ kind: 'address', interface: 'tun6to4', address: '::1 dev eth0', len: 128, deprecated: false }] },
  ],
  ['a place that is no number', { slots: { relay: '0' } }],
  ['no devices', { devices: null }],
])('of a record with %s nothing is believed', (_, change) => {
  expect(forge(change)).toBeNull();
});

test('a record that was cut short is none', () => {
  writeKept(join(folder, 'state'), KEPT);
  writeFileSync(path(), readFileSync(path(), 'utf8').slice(0, 40));
  expect(readKept(join(folder, 'state'))).toBeNull();
});
