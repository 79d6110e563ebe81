/**
 * Every vector of protocol 41 through the loaded program: it forwards what the engine forwards, octet for octet, or
 * passes up the frame as it came. See `vectors/README.md` for how packets are compared.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PassedName } from '../../src/xdp/layout.js';
import { hex, toHex } from '../vectors/compose.js';
import { comparable, loadVectors } from '../vectors/load.js';
import { nodeOf } from '../vectors/node.js';
import type { Vector } from '../vectors/vector.js';
import { FastNode, withoutPrograms } from './fast-node.js';

const FOLDERS = ['6to4', '6rd', 'isatap'];
const MAX_HOP_LIMIT = 255;
const HOP_LIMIT = 7;
const reason = withoutPrograms();

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

describe.skipIf(reason !== null)('the vectors of protocol 41', () => {
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
    for (const vector of [...vectors].sort((a, b) => (a.config < b.config ? -1 : 1))) {
      if (vector.config !== config) node.configure(nodeOf(vector.config));
      config = vector.config;
      const packet = arriving(vector);
      const out = packet === null ? null : node.inside(() => node.forward(vector.from, packet));
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
    expect(decided.length).toBeGreaterThan(5);
  });
});

if (reason !== null) test('the vectors of protocol 41', (context) => context.skip(reason));
