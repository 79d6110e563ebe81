/** The vectors as files, and over the engine: the same for every technology. */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Explainer } from '../../src/engine/explain.js';
import { dissect, tsharkMissing } from '../wire/tshark.js';
import { hex } from './compose.js';
import { loadVectors, TECHNOLOGIES, vectorNames } from './load.js';
import { nodeOf } from './node.js';
import { expectedOutcome, expectedSpeech, type Outcome, outcomeOf, speechOf } from './outcome.js';
import { technologies } from './technologies.js';
import { type Vector, vectorOf } from './vector.js';

/** Runs a vector over the engine: what becomes of its packet, and what the node said before. */
function run({ config, state = [], now, from, in: octets }: Vector): { outcome: Outcome; speech: string[] } {
  const explainer = new Explainer(nodeOf(config));
  const said = state.flatMap((step) => {
    const before = explainer.pass(step.now);
    return [...before, ...explainer.explain(step.from, hex(step.in), step.now).answers];
  });
  said.push(...explainer.pass(now));
  const { verdict, reason, out, answers } = explainer.explain(from, hex(octets), now);
  const forwarded = out === null ? [] : [{ to: from === 'v4' ? ('v6' as const) : ('v4' as const), octets: out }];
  return {
    outcome: outcomeOf(from, { verdict, ...(reason !== null && { reason }) }, [...forwarded, ...answers]),
    speech: speechOf(said),
  };
}

test('each technology has its folder, and each vector a name of its own', () => {
  expect(technologies.map(({ folder }) => folder)).toEqual(TECHNOLOGIES);
  const names = technologies.flatMap(({ cases }) => cases.map(({ name }) => name));
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

describe.each(technologies)('$folder', ({ folder, cases, reasons, refusals, permissions, remarks }) => {
  const path = new URL(`../../vectors/${folder}/`, import.meta.url);
  const written = cases.map(vectorOf);
  const vectors = existsSync(path) ? loadVectors(folder) : [];

  test('there is one file for each case, and no other', () => {
    const names = written.map(({ name }) => name);
    if (existsSync(path)) expect(readdirSync(path).filter((file) => !names.includes(file.replace(/\.json$/, '')))).toEqual([]);
  });

  test.each(written.map((vector) => [vector.name, vector] as const))('%s is as it was composed', async (name, vector) => {
    await expect(`${JSON.stringify(vector, null, 2)}\n`).toMatchFileSnapshot(`../../vectors/${folder}/${name}.json`);
  });

  test('each has the fields of a vector and no others', () => {
    expect(vectors.map(({ name }) => name)).toEqual(vectorNames(folder));
  });

  test.each(vectors.map((vector) => [vector.name, vector] as const))('the engine: %s', (_, vector) => {
    const { outcome, speech } = run(vector);
    expect(outcome).toEqual(expectedOutcome(vector));
    if (vector.says !== undefined) expect(speech).toEqual(expectedSpeech(vector));
  });

  test('every reason that a node can give is shown, and no other', () => {
    expect(new Set(vectors.flatMap(({ reason }) => reason ?? []))).toEqual(new Set(reasons));
  });

  test('every check is shown by a packet that it drops, every exception by one that passes', () => {
    const rows = (verdict: Vector['verdict']) =>
      new Set(vectors.filter((vector) => vector.verdict === verdict).flatMap((vector) => vector.rows ?? []));
    const [passing, dropped] = [rows('forward'), rows('drop')];
    expect(refusals.filter((row) => !dropped.has(row))).toEqual([]);
    expect(permissions.filter((row) => !passing.has(row))).toEqual([]);
  });

  test('tshark has no complaint about what they expect', { timeout: 60_000 }, (ctx) => {
    if (tsharkMissing !== null) ctx.skip(tsharkMissing);
    expect(vectors.length).toBeGreaterThan(0);
    const packets = vectors.flatMap(({ name, out, answers = [], says = [] }) =>
      [...(out === undefined ? [] : [out]), ...[...answers, ...says].map(({ octets }) => octets)].map((octets) => ({
        name,
        octets: hex(octets),
      })),
    );
    const seen = dissect(
      packets.map(({ octets }) => octets),
      [],
      remarks,
    );
    const complaints = seen.map((packet, i) => ({ name: packets[i].name, complaints: packet.complaints }));
    expect(complaints.filter((packet) => packet.complaints.length > 0)).toEqual([]);
  });
});
