/** The vectors through the real service, in namespaces: what it counts, and what it sends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { describeInNamespaces, Namespace } from '../linux/namespace.js';
import { allVectors } from '../vectors/load.js';
import { expectedOutcome, expectedSpeech } from '../vectors/outcome.js';
import type { Vector } from '../vectors/vector.js';
import { type Played, VectorNode } from './vector-node.js';

/** Nodes at a time: starting one is work for a processor, showing it packets is mostly waiting. */
const AT_A_TIME = 4;
/** Milliseconds that all nodes may take, one after the other, on a machine that has much else to do. */
const PATIENCE = 400_000;
/** Milliseconds after its start at which a node may be shown a packet; what comes later needs virtual time. */
const SOON = 1000;

const vectors = allVectors();
/** A service draws nonces that nobody can foretell. */
const foretold = vectors.filter(({ chance }) => chance === undefined);
const soon = foretold.filter(({ now }) => now <= SOON);

/** What the kernel keeps from the service, by how it does. */
const DECIDED_BY_THE_KERNEL = {
  'the outer header is malformed, or cut off': [
    'host-receives-a-header-length-of-16',
    'host-receives-a-header-longer-than-the-packet',
    'host-receives-a-packet-cut-by-one-octet',
    'host-receives-a-total-length-of-0',
    'host-receives-half-an-ipv4-header',
    'host-receives-ipv6-without-an-outer-header',
    'host-receives-nothing',
    'host-receives-outer-version-5',
  ],
  'the source is a martian': [
    'host-receives-from-loopback-127-0-0-0',
    'host-receives-from-loopback-127-255-255-255',
    'host-receives-from-multicast-224-0-0-0',
    'host-receives-from-multicast-239-255-255-255',
    'host-receives-from-reserved-255-255-255-255',
    'host-receives-from-this-network-0-0-0-0',
    'host-receives-its-own-outer-source',
    'border-relay-receives-its-own-outer-source',
    'customer-edge-receives-its-own-outer-source',
    'isatap-host-receives-from-its-own-outer-address',
    'isatap-router-receives-from-its-own-outer-address',
    'teredo-server-receives-a-solicitation-from-itself',
    'teredo-server-receives-a-solicitation-from-its-other-address',
    'teredo-server-receives-a-solicitation-from-loopback',
    'teredo-server-receives-a-solicitation-from-the-discovery-group',
    'teredo-server-receives-a-solicitation-from-the-last-group',
    'teredo-server-receives-a-solicitation-from-the-limited-broadcast-address',
    'f20-is-nothing-for-a-server',
    'teredo-relay-receives-from-a-client-at-127-0-0-1',
    'teredo-relay-receives-from-a-client-at-224-0-0-253',
    'teredo-relay-receives-from-itself',
    'teredo-relay-receives-from-another-port-of-its-own',
  ],
  'the other fragments are waited for': [
    'host-receives-a-first-fragment',
    'host-receives-a-later-fragment',
    'border-relay-receives-a-first-fragment-only',
    'teredo-relay-receives-the-first-fragment-of-a-datagram',
  ],
  'it is for another host': [
    'host-receives-a-packet-for-another-host',
    'border-relay-receives-a-packet-for-another-host',
    'isatap-router-receives-a-packet-for-another-host',
    'teredo-relay-receives-a-datagram-for-another-host',
  ],
  'it is for another protocol': ['host-receives-another-protocol'],
  'it is for another port': ['teredo-relay-receives-a-datagram-for-another-port'],
  'the datagram is malformed': ['teredo-relay-receives-a-wrong-udp-checksum', 'teredo-relay-receives-a-udp-length-beyond-the-end'],
  'it is no ICMP error that the socket asks for': ['an-echo-request-goes-no-further', 'source-quench-goes-no-further'],
  'the device is down': [
    'host-sends-while-it-has-no-ipv4-address',
    'customer-edge-sends-while-it-has-no-ipv4-address',
    'isatap-host-sends-while-it-has-no-ipv4-address',
  ],
} as const;

/**
 * Vectors by the node that they share: all that have the same configuration and begin alike. What is consumed may be
 * remembered: it comes last, and where something came before it has a node of its own. So has what is held, and
 * who has said something by himself; and who waits for somebody since a packet was sent, since that has an end.
 */
function groups(): Vector[][] {
  const isRemembered = ({ verdict }: Vector): boolean => verdict === 'consumed';
  const isWaiting = ({ state = [] }: Vector): boolean => state.some(({ from }) => from === 'v6');
  const isAlone = (vector: Vector): boolean =>
    vector.says !== undefined || vector.verdict === 'hold' || isWaiting(vector) || (vector.state !== undefined && isRemembered(vector));
  const shared = new Map<string, Vector[]>();
  for (const vector of soon.filter((one) => !isAlone(one))) {
    const beginning = JSON.stringify([vector.config, vector.state]);
    shared.set(beginning, [...(shared.get(beginning) ?? []), vector]);
  }
  const ordered = [...shared.values()].map((group) => [...group.filter((v) => !isRemembered(v)), ...group.filter(isRemembered)]);
  return [...ordered, ...soon.filter(isAlone).map((vector) => [vector])];
}

const decidedByTheKernel = Object.entries(DECIDED_BY_THE_KERNEL).flatMap(([why, names]) => names.map((name) => [name, why] as const));
const kept = new Set<string>(decidedByTheKernel.map(([name]) => name));
const decidedByTheService = soon.filter(({ name }) => !kept.has(name));

describeInNamespaces('vectors through the service', () => {
  const played = new Map<string, Played>();

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tvn-'));
    const wire = new Namespace();
    const waiting = groups().map((group, i) => ({ name: `tvn${i + 1}`, group }));
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await playAll(next.name, next.group);
    };
    const playAll = async (name: string, group: readonly Vector[]): Promise<void> => {
      const namespace = new Namespace();
      const node = await VectorNode.start(name, group[0].config, namespace, wire, folder);
      try {
        await node.prepare(group[0]);
        for (const vector of group) played.set(vector.name, await node.play(vector));
      } finally {
        await node.stop();
        namespace.close();
      }
    };
    // All of them end before what they share is removed, whatever one of them meets.
    const ends = await Promise.allSettled(Array.from({ length: AT_A_TIME }, work));
    wire.close();
    rmSync(folder, { recursive: true });
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }, PATIENCE);

  test.each(decidedByTheService.map((vector) => [vector.name, vector] as const))('the service decides: %s', (name, vector) => {
    expect(played.get(name)?.outcome).toEqual(expectedOutcome(vector));
    if (vector.says !== undefined) expect(played.get(name)?.speech).toEqual(expectedSpeech(vector));
  });

  test.each(decidedByTheKernel)('the kernel decides: %s: %s', (name) => {
    expect(played.get(name)?.judgement).toEqual({});
  });

  const counts = {
    service: decidedByTheService.length,
    kernel: decidedByTheKernel.length,
    virtualTime: foretold.length - soon.length,
    chance: vectors.length - foretold.length,
  };
  test(`${counts.service} vectors are decided by the service, ${counts.kernel} by the kernel, ${counts.virtualTime} need virtual time, ${counts.chance} no chance`, () => {
    expect(soon.map(({ name }) => name)).toEqual(expect.arrayContaining(decidedByTheKernel.map(([name]) => name)));
    expect(counts.service).toBeGreaterThanOrEqual(1075);
    expect(counts.virtualTime).toBeLessThanOrEqual(11);
  });
});
