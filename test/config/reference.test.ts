import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { configurationKeys, configurationReference, EXAMPLE } from '../../src/config/reference.js';

test('docs/configuration.md is what the schema says', async () => {
  await expect(configurationReference()).toMatchFileSnapshot('../../docs/configuration.md');
});

test('the example of the reference is valid', () => {
  expect(parseConfig(EXAMPLE, 't.toml')).toMatchObject({ problems: [], config: { tunnels: [{ role: 'relay' }] } });
});

test('every key is explained in whole sentences, once', () => {
  const keys = configurationKeys();
  for (const { path, about } of keys) expect(`${path}: ${about}`).toMatch(/: [A-Z`].*\.$/);
  expect(new Set(keys.map(({ path }) => path)).size).toBe(keys.length);
});

test('every default of the reference is the value that applies', () => {
  const rows = configurationReference().matchAll(/^\| `([a-z-]+)` \| [^|]* \| `([^`<]+)` \|/gm);
  const defaults = [...rows].map(([, key, value]) => [key, value] as const);
  expect(defaults.length).toBeGreaterThan(10);
  const host = '[[tunnel]]\ntype = "6to4"\nrole = "host"\n';
  const plain = parseConfig(host, 't.toml').config;
  for (const [key, value] of defaults) {
    const tables = [
      `${key} = ${value}\n${host}`,
      ...['node', 'policy', 'fastpath'].map((table) => `${host}[${table}]\n${key} = ${value}`),
      `${host}${key} = ${value}`,
    ];
    const readings = tables.map((toml) => parseConfig(toml, 't.toml').config).filter((config) => config !== null);
    expect([key, ...readings]).toEqual([key, plain]);
  }
});
