import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { configurationKeys, configurationReference, EXAMPLE } from '../../src/config/reference.js';
import { TUNNEL_TYPES } from '../../src/config/tunnel-types.js';
import { CUSTOMER, DOMAIN, LEAST, tunnel } from './documents.js';

test('docs/configuration.md is what the schema says', async () => {
  await expect(configurationReference()).toMatchFileSnapshot('../../docs/configuration.md');
});

test('the example of the reference is valid', () => {
  expect(parseConfig(EXAMPLE, 't.toml')).toMatchObject({ problems: [], config: { tunnels: [{ role: 'relay' }] } });
});

test.each(Object.entries(TUNNEL_TYPES).flatMap(([type, { examples }]) => examples.map((toml) => [toml.split('\n')[0], type, toml])))(
  'an example of the reference is valid: %s',
  (_title, type, toml) => {
    expect(parseConfig(toml, 't.toml')).toMatchObject({ problems: [], config: { tunnels: [{ type }] } });
    expect(configurationReference()).toContain(`\`\`\`toml\n${toml}\`\`\``);
  },
);

test('every key is explained in whole sentences, once', () => {
  const keys = configurationKeys();
  for (const { path, about } of keys) expect(`${path}: ${about}`).toMatch(/: [A-Z`].*\.$/);
  expect(new Set(keys.map(({ path }) => path)).size).toBe(keys.length);
});

/** For each type the least that its roles have to say. */
const LEAST_OF: Readonly<Record<string, readonly string[]>> = {
  '6to4': [LEAST],
  '6rd': [tunnel('6rd', 'customer-edge', ...CUSTOMER), tunnel('6rd', 'border-relay', 'local = "10.0.0.1"', ...DOMAIN)],
  isatap: [tunnel('isatap', 'host'), tunnel('isatap', 'router', 'prefix = "2001:db8::/64"')],
  teredo: [
    tunnel('teredo', 'client', 'server = "192.0.2.1"'),
    tunnel('teredo', 'server', 'local = "192.0.2.1"', 'secondary = "192.0.2.2"'),
    tunnel('teredo', 'relay'),
  ],
};

test('every default of the reference is the value that applies', () => {
  let tried = 0;
  for (const section of configurationReference().split(/^#{2,3} /m)) {
    const type = /^`type = "(.*)"`/.exec(section)?.[1] ?? '6to4';
    for (const [, key, value] of section.matchAll(/^\| `([a-z0-9-]+)` \| [^|]* \| `([^`<]+)` \|/gm)) {
      const given = LEAST_OF[type].flatMap((least) =>
        [
          `${key} = ${value}\n${least}`,
          ...['node', 'policy', 'fastpath'].map((table) => `${least}[${table}]\n${key} = ${value}`),
          `${least}${key} = ${value}`,
        ]
          .map((toml) => parseConfig(toml, 't.toml').config)
          .filter((config) => config !== null)
          .map((config) => [config, parseConfig(least, 't.toml').config]),
      );
      expect([key, given.length > 0]).toEqual([key, true]);
      for (const [config, plain] of given) expect([key, config]).toEqual([key, plain]);
      tried++;
    }
  }
  expect(tried).toBeGreaterThan(20);
});
