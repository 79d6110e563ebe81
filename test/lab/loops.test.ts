/** The routing loops of RFC 6324 in namespaces, with the real daemons: each packet dies within one pass. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ControlClient } from '../../src/daemon/control-client.js';
import type { Status, TunnelStatus } from '../../src/daemon/status.js';
import { nodeFiles } from '../../src/lab/daemon.js';
import { Lab } from '../../src/lab/lab.js';
import { parseAddress } from '../../src/sim/address.js';
import { echoRequest } from '../../src/sim/echo.js';
import { ENDLESS_LOOP, type Ends, LOOPS, type Loop, PLACES } from '../../src/topology/loops.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { u32 } from '../../src/wire/octets.js';
import { PcapReader } from '../../src/wire/pcap.js';
import { IPv4Link, IPv6Link } from '../linux/far-end.js';
import { inNamed } from '../linux/namespace.js';
import { withoutLabs } from './command-line.js';

const HOP_LIMIT = 64;
/** Milliseconds for a packet to die. */
const PATIENCE = 10_000;
/** MAC addresses of the routers' interfaces, see `lab/plan.ts`. */
const MAC = { r1: { ipv4: [2, 0, 0, 1, 0, 0] }, r2: { ipv6: [2, 0, 0, 2, 0, 1] } };
/** Sequence numbers that tell the packets apart. */
const BY_IPV6 = 1;
const BY_IPV4 = 2;
const TO_TEREDO = 3;

const reason = withoutLabs();
let run = '';
let lab: Lab | null = null;

beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
  run = mkdtempSync(join(tmpdir(), 'tsunagi-loops-'));
});

afterEach(async () => {
  if (reason !== null) return;
  await lab?.down();
  lab = null;
  rmSync(run, { recursive: true, force: true });
});

async function up({ topology }: Loop): Promise<Lab> {
  lab = await Lab.up(topology, { run, purpose: 'up', isPrivate: false, captures: join(run, 'captures') });
  const { r1, r2 } = PLACES;
  for (const address of [r1.ipv4, r2.ipv4, r1.ipv6, r2.ipv6]) reach(lab.namespaceOf('attacker'), address);
  return lab;
}

/** The kernel tells a bridge up to a second later that a cable is there: an echo waits for it, what the attacker sends does not. */
function reach(namespace: string, address: string): void {
  execFileSync('ip', ['netns', 'exec', namespace, 'ping', '-c', '1', '-w', '10', '-i', '0.2', address], { stdio: 'ignore' });
}

function packet({ source, destination }: Ends, sequence: number): Uint8Array {
  return echoRequest(parseAddress(source), parseAddress(destination), HOP_LIMIT, 0x6324, sequence, 16);
}

/** The same, tunnelled from one IPv4 address to another. */
function tunnelled(inner: Uint8Array, ...ends: readonly [source: string, destination: string]): Uint8Array {
  const outer = new Uint8Array(IPV4_LEN + inner.length);
  outer.set(inner, IPV4_LEN);
  const [source, destination] = ends.map((text) => u32(parseAddress(text), 0));
  writeIpv4(outer, 0, outer.length, 0, 0, HOP_LIMIT, Protocol.ipv6, source, destination);
  return outer;
}

/** Sends the packet to r2 by IPv6, then, in the name of r2, to r1 by IPv4; and one for a Teredo address to r1. */
function send(network: Lab, loop: Loop): void {
  const { r1, r2, attacker } = PLACES;
  inNamed(network.namespaceOf('attacker'), () => {
    const ipv4 = new IPv4Link('eth0', MAC.r1.ipv4);
    const ipv6 = new IPv6Link('eth1', MAC.r2.ipv6);
    ipv6.send(packet(loop.packet, BY_IPV6));
    ipv4.send(tunnelled(packet(loop.packet, BY_IPV4), r2.ipv4, r1.ipv4));
    ipv4.send(tunnelled(packet(loop.teredo.intoR1, TO_TEREDO), attacker.ipv4, r1.ipv4));
    ipv4.close();
    ipv6.close();
  });
}

async function tunnelOf(network: Lab, router: string): Promise<TunnelStatus> {
  const client = await ControlClient.connect(join(nodeFiles(network.directory, router).directory, 'control.sock'));
  const { tunnels } = (await client.ask({ command: 'status' })) as Status;
  client.close();
  return tunnels[0];
}

/** What the two routers say, once `isOver` answers true of it; the last that they said when it never does. */
async function watch(network: Lab, isOver: (tunnels: readonly TunnelStatus[]) => boolean): Promise<readonly TunnelStatus[]> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const tunnels = await Promise.all(['r1', 'r2'].map((router) => tunnelOf(network, router)));
    if (isOver(tunnels) || performance.now() > deadline) return tunnels;
    await sleep(50);
  }
}

/** How often the packet with that sequence number is in the capture of a link, itself: errors may quote it. */
function crossings(loop: Loop, link: string, sequence: number): number {
  const sent = packet(loop.packet, sequence);
  const mark = Buffer.from(sent.subarray(44));
  const packets = [...new PcapReader(readFileSync(join(run, 'captures', `${link}.pcap`)))];
  return packets.filter(({ b, off, end }) => end - off <= sent.length + IPV4_LEN && Buffer.from(b.subarray(off, end)).includes(mark))
    .length;
}

const loopsIn = (tunnels: readonly TunnelStatus[]): number[] => tunnels.map(({ dropped }) => dropped.loop ?? 0);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

test.each(LOOPS.map((loop) => [loop.topology.name, loop] as const))(
  '%s: every packet dies as a loop, at the router that can see it, and crosses no link twice',
  async (_, loop) => {
    const network = await up(loop);
    send(network, loop);
    const { fromIpv6, fromIpv4 } = loop.diesAt;
    const expected = ['r1', 'r2'].map((router) => [fromIpv6, fromIpv4, 'r1'].filter((at) => at === router).length);
    expect(loopsIn(await watch(network, (tunnels) => sum(loopsIn(tunnels)) >= 3))).toEqual(expected);
    await network.down();
    lab = null;
    expect([crossings(loop, 'ipv6', BY_IPV6), crossings(loop, 'ipv4', BY_IPV6)]).toEqual([1, fromIpv6 === 'r2' ? 0 : 1]);
    expect([crossings(loop, 'ipv4', BY_IPV4), crossings(loop, 'ipv6', BY_IPV4)]).toEqual([1, fromIpv4 === 'r1' ? 0 : 1]);
    expect([crossings(loop, 'ipv4', TO_TEREDO), crossings(loop, 'ipv6', TO_TEREDO)]).toEqual([1, 0]);
  },
);

test('between two 6rd domains that do not know each other it goes round until its hop limit ends', async () => {
  const network = await up(ENDLESS_LOOP);
  send(network, ENDLESS_LOOP);
  // Each packet takes two hops a turn.
  const turns = HOP_LIMIT / 2;
  const isOver = ([r1, r2]: readonly TunnelStatus[]): boolean =>
    r2.encapsulated.packets >= 2 * turns - 1 && r1.decapsulated.packets >= 2 * turns - 1;
  const tunnels = await watch(network, isOver);
  expect(loopsIn(tunnels)).toEqual([1, 0]); // the one for a Teredo address
  expect(tunnels[1].encapsulated.packets).toBeGreaterThanOrEqual(2 * turns - 1);
  expect(tunnels[1].encapsulated.packets).toBeLessThanOrEqual(2 * turns + 1);
  await network.down();
  lab = null;
  expect(crossings(ENDLESS_LOOP, 'ipv4', BY_IPV6)).toBe(turns);
});
