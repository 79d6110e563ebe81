import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DropName } from '../../src/core/drop.js';
import { Explainer } from '../../src/engine/explain.js';
import { dissect, tsharkMissing } from '../wire/tshark.js';
import { hex } from './compose.js';
import { comparable, loadVectors, vectorNames } from './load.js';
import { nodeOf } from './node.js';
import { expectedOutcome, type Outcome } from './outcome.js';
import { checks } from './sixtofour/checks.js';
import { congestion } from './sixtofour/congestion.js';
import { headers } from './sixtofour/headers.js';
import { pathMtu } from './sixtofour/path-mtu.js';
import { sites } from './sixtofour/sites.js';
import { specialAddresses } from './sixtofour/special-addresses.js';
import { type Vector, vectorOf } from './vector.js';

const FOLDER = new URL('../../vectors/6to4/', import.meta.url);
const written = [...sites, ...checks, ...specialAddresses, ...headers, ...pathMtu, ...congestion].map(vectorOf);

describe('the files', () => {
  test('there is one for each case, and no other', () => {
    const names = written.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    if (existsSync(FOLDER)) expect(readdirSync(FOLDER).filter((file) => !names.includes(file.replace(/\.json$/, '')))).toEqual([]);
  });

  test.each(written.map((vector) => [vector.name, vector] as const))('%s is as it was composed', async (name, vector) => {
    await expect(`${JSON.stringify(vector, null, 2)}\n`).toMatchFileSnapshot(`../../vectors/6to4/${name}.json`);
  });

  test('each has the fields of a vector and no others', () => {
    expect(loadVectors('6to4').map(({ name }) => name)).toEqual(vectorNames('6to4'));
  });
});

const vectors = existsSync(FOLDER) ? loadVectors('6to4') : [];

/** What tshark remarks on, and is meant: a routing header that nobody follows any more, a TTL that was asked for. */
const REMARKS = ['Routing header type is deprecated', '"Time To Live" only 1'];

/** Runs a vector over the engine: what becomes of its packet, in the words of the file. */
function run(vector: Vector): Outcome {
  const explainer = new Explainer(nodeOf(vector.config));
  for (const step of vector.state ?? []) explainer.explain(step.from, hex(step.in), step.now);
  const { verdict, reason, out, answers } = explainer.explain(vector.from, hex(vector.in), vector.now);
  return {
    verdict,
    ...(reason !== null && { reason }),
    ...(out !== null && { out: comparable(out) }),
    ...(answers.length > 0 && { answers: answers.map(({ to, octets }) => ({ to, octets: comparable(octets) })) }),
  };
}

test.each(vectors.map((vector) => [vector.name, vector] as const))('the engine: %s', (_, vector) => {
  expect(run(vector)).toEqual(expectedOutcome(vector));
});

/** Every reason that a 6to4 node gives of itself; the others are other technologies', the ports', or the LANs'. */
const REASONS: readonly DropName[] = [
  'truncated',
  'not_ipv6',
  'bad_ipv4_header',
  'not_local',
  'source_mismatch',
  'destination_mismatch',
  'special_ipv4',
  'special_ipv6',
  'no_endpoint',
  'loop',
  'hop_limit',
  'too_big',
  'ecn_congestion',
  'source_routing',
  'tunnel_down',
];

test('every reason that a 6to4 node can give is shown, and no other', () => {
  expect(new Set(vectors.flatMap(({ reason }) => reason ?? []))).toEqual(new Set(REASONS));
});

test('every check of RFC 3964 is shown both ways: by a packet that passes and one that does not', () => {
  const rows = (verdict: string) => new Set(vectors.filter((vector) => vector.verdict === verdict).flatMap((vector) => vector.rows ?? []));
  const [passing, dropped] = [rows('forward'), rows('drop')];
  const numbers = Array.from({ length: 29 }, (_, i) => `6CHK-${String(i + 1).padStart(2, '0')}`);
  const notOctets = ['6CHK-26', '6CHK-27', '6CHK-28']; // silence, a switch, and counters
  for (const row of numbers.filter((id) => !notOctets.includes(id))) {
    if (row === '6CHK-20') expect([row, passing.has(row)]).toEqual([row, true]);
    else expect([row, dropped.has(row)]).toEqual([row, true]);
  }
});

test('tshark has no complaint about what they expect', { timeout: 60_000 }, (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  expect(vectors.length).toBeGreaterThan(0);
  const packets = vectors.flatMap(({ name, out, answers }) => [
    ...(out === undefined ? [] : [{ name, octets: out }]),
    ...(answers ?? []).map(({ octets }) => ({ name, octets })),
  ]);
  const quotes = packets.map(({ name, octets }) => ({ name, octets: hex(octets) }));
  const complaints = dissect(
    quotes.map(({ octets }) => octets),
    [],
    REMARKS,
  ).map((seen, i) => ({ name: quotes[i].name, complaints: seen.complaints }));
  expect(complaints.filter((seen) => seen.complaints.length > 0)).toEqual([]);
});
