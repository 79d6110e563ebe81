/** Teredo in namespaces, with the real daemons: the paths and the matrix that the demonstration shows, and what is on the wire. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { checkPaths } from '../../src/lab/check.js';
import { nodeFiles } from '../../src/lab/daemon.js';
import { Lab } from '../../src/lab/lab.js';
import { type Contact, isRight, makeContacts } from '../../src/lab/matrix.js';
import { teredoInternet } from '../../src/topology/teredo.js';
import { tsharkMissing } from '../wire/tshark.js';
import { withoutLabs } from './command-line.js';
import { dissectTeredo } from './teredo-dissection.js';

const EXECUTABLE = fileURLToPath(new URL('../../bin/tsunagi.js', import.meta.url));
const { links, matrix, paths } = teredoInternet;
const reason = withoutLabs();
let run = '';
let lab: Lab;
let contacts: readonly Contact[] = [];

beforeAll(async () => {
  if (reason !== null) return;
  run = mkdtempSync(join(tmpdir(), 'tsunagi-teredo-'));
  lab = await Lab.up(teredoInternet, { run, purpose: 'up', isPrivate: false, captures: join(run, 'captures') });
  contacts = await makeContacts(lab, matrix);
});
beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
});
afterAll(async () => {
  await lab?.down();
  if (run !== '') rmSync(run, { recursive: true, force: true });
});

/** The first tunnel in what `tsunagi status` says on a node. */
function statusOf(node: string): { readonly dropped: Record<string, number>; readonly teredo: Record<string, unknown> } {
  const command = [EXECUTABLE, 'status', '--json', '--config', nodeFiles(lab.directory, node).config];
  return JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' })).tunnels[0];
}

test('PCs meet through 13 of 16 pairs of NATs, and all reach the web', () => {
  expect(contacts.filter((contact) => !isRight(contact))).toEqual([]);
  expect(contacts.filter(({ milliseconds }) => milliseconds !== null)).toHaveLength(13 + 4);
});

test('who cannot be reached is said to be so, by ICMPv6 and in the status', () => {
  const hopeless = contacts.filter(({ isPossible }) => !isPossible);
  for (const { complaints } of hopeless)
    expect(complaints).toEqual([expect.stringMatching(/Destination unreachable: Address unreachable$/)]);
  for (const from of new Set(hopeless.map((contact) => contact.from))) {
    expect(statusOf(from).dropped).toMatchObject({ neighbor_unreachable: hopeless.filter((contact) => contact.from === from).length });
  }
});

test('each PC knows how it is mapped, and what its NAT is as far as a Teredo server shows it', () => {
  const seen = matrix.from.map(({ node }) => statusOf(node).teredo);
  expect(seen.map(({ state, nat }) => [state, nat])).toEqual([
    ...Array.from({ length: 3 }, () => ['qualified', 'cone or restricted']),
    ['qualified', 'symmetric'],
  ]);
  expect(seen.map(({ mapped }) => String(mapped).split(':')[0])).toEqual(['192.0.2.11', '192.0.2.13', '192.0.2.15', '192.0.2.17']);
});

test('every path works, over the relay where it leads out of Teredo', async () => {
  const found: unknown[] = [];
  for await (const { path, relays, problems } of checkPaths(lab)) {
    found.push([path.from, path.to, relays.map(({ node }) => node).join(), problems.map(({ en }) => en)]);
  }
  expect(found).toEqual(paths.map(({ from, to, relayed }) => [from, to, relayed ? 'shinjuku' : '', []]));
});

test('every datagram is Teredo to Wireshark, none malformed, on every link', async (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  await lab.down();
  const carrying = links.filter(({ name }) => /^(lan-|access$|pop-|ix-)/.test(name));
  const seen = carrying.map(({ name }) => [name, dissectTeredo(join(run, 'captures', `${name}.pcap`))] as const);
  for (const [name, datagrams] of seen) {
    expect([name, datagrams.filter(({ defects }) => defects.length > 0)]).toEqual([name, []]);
    expect(datagrams.length).toBeGreaterThan(10);
  }
});
