/**
 * Every vector through the loaded program: it forwards what the engine forwards, octet for octet, or passes up the frame as
 * it came. What comes before the packet of a vector is the engine's to see: it makes known whom it trusts then. See
 * `vectors/README.md` for how packets are compared.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Flows } from '../../src/core/flows.js';
import { Explainer } from '../../src/engine/explain.js';
import { ADDRESS_LEN } from '../../src/wire/ipv6.js';
import type { PassedName } from '../../src/xdp/layout.js';
import type { ClientFlow } from '../../src/xdp/tables.js';
import { hex, toHex } from '../vectors/compose.js';
import { comparable, loadVectors, TECHNOLOGIES } from '../vectors/load.js';
import { nodeOf } from '../vectors/node.js';
import type { Vector } from '../vectors/vector.js';
import { describeWithPrograms, FastNode } from './fast-node.js';

const FOLDERS = [...TECHNOLOGIES, 'regression'];
const MAX_HOP_LIMIT = 255;
const HOP_LIMIT = 7;

/**
 * `octets` with the hop limit of the IPv6 packet at `off` changed by `by`: the kernel counts it down between the native link
 * and the tunnel device, where vectors look.
 */
function counted(octets: Uint8Array, off: number, by: number): Uint8Array {
  const changed = Uint8Array.from(octets);
  if (changed.length > off + HOP_LIMIT) changed[off + HOP_LIMIT] += by;
  return changed;
}

/** What arrives on the wire for the packet of a vector; null: nothing, the packet is the host's own. */
function arriving({ from, in: octets }: Vector): Uint8Array | null {
  if (from === 'v4') return hex(octets);
  return hex(octets)[HOP_LIMIT] === MAX_HOP_LIMIT ? null : counted(hex(octets), 0, 1);
}

/** What leaves, as the engine has it before the kernel has counted. */
function leaving(from: Vector['from'], octets: Uint8Array): string {
  return comparable(toHex(from === 'v4' ? counted(octets, 0, 1) : octets));
}

/** The flows that the node has open when the packet of a vector comes. */
function flowsBefore({ config, state = [], now }: Vector): ClientFlow[] {
  if (state.length === 0) return [];
  const flows = new Map<string, ClientFlow & { readonly at: number }>();
  const flowsOf = (slot: number): Flows => ({
    open(b, off, { addr, port }, at) {
      const octets = b.slice(off, off + ADDRESS_LEN);
      flows.set(toHex(octets), { slot, address: octets, endpoint: addr, port, heard: 0n, sent: 0n, at });
    },
    close: (b, off) => void flows.delete(toHex(b.slice(off, off + ADDRESS_LEN))),
    heard: () => Number.NEGATIVE_INFINITY,
    clear: () => flows.clear(),
  });
  const engine = new Explainer(nodeOf(config), 0, flowsOf);
  for (const step of state) engine.explain(step.from, hex(step.in), step.now);
  engine.pass(now);
  const clock = process.hrtime.bigint();
  return [...flows.values()].map(({ at, ...flow }) => ({ ...flow, heard: clock - BigInt(now - at) * 1_000_000n }));
}

describeWithPrograms('the vectors', () => {
  let node: FastNode;
  beforeAll(() => {
    node = new FastNode();
  });
  afterAll(() => node.close());

  test.each(FOLDERS)('%s', (folder) => {
    const vectors = loadVectors(folder);
    const before = node.tables.passed();
    const decided: string[] = [];
    let config = '';
    for (const vector of [...vectors].sort((a, b) => a.config.localeCompare(b.config))) {
      if (vector.config !== config) node.configure(nodeOf(vector.config));
      config = vector.config;
      const flows = flowsBefore(vector);
      for (const flow of flows) node.tables.setFlow(flow);
      const packet = arriving(vector);
      const out = packet === null ? null : node.inside(() => node.forward(vector.from, packet));
      for (const { slot, address } of flows) node.tables.removeFlow(slot, address);
      if (out === null) continue;
      expect([vector.name, leaving(vector.from, out)]).toEqual([
        vector.name,
        vector.out === undefined ? vector.reason : comparable(vector.out),
      ]);
      decided.push(vector.name);
    }
    const forwarded = vectors.filter(({ verdict }) => verdict === 'forward').length;
    const passed = [...node.passedSince(before)].map(([name, n]: [PassedName, number]) => `${n} ${name}`).join(', ');
    console.info(
      `${folder}: XDP decides ${decided.length} of ${vectors.length} vectors, ${forwarded} of which are forwarded; passed up: ${passed}`,
    );
    expect(decided.length).toBeGreaterThanOrEqual(Math.min(5, forwarded));
  });
});

test.each(loadVectors('regression').map((vector) => [vector.name, vector] as const))('the engine: %s', (_, vector) => {
  const { verdict, reason, out } = new Explainer(nodeOf(vector.config)).explain(vector.from, hex(vector.in), vector.now);
  expect([verdict, reason, out && comparable(out)]).toEqual([
    vector.verdict,
    vector.reason ?? null,
    vector.out === undefined ? null : comparable(vector.out),
  ]);
});
