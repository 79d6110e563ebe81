import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { configurationKeys } from '../../src/config/reference.js';
import { around, nameOf, problems, valid } from './documents.js';
import { ISATAP_KEYS } from './isatap-key-cases.js';
import { SHARED_KEYS } from './shared-key-cases.js';
import { SIXRD_KEYS } from './sixrd-key-cases.js';
import { TEREDO_KEYS } from './teredo-key-cases.js';

const KEYS = [...SHARED_KEYS, ...SIXRD_KEYS, ...ISATAP_KEYS, ...TEREDO_KEYS];

describe.each(KEYS)('$key', ({ key, document, get, right, wrong }) => {
  const documentOf = (toml: string): string => (document ?? ((line) => around(key, line)))(`${nameOf(key)} = ${toml}`);

  test.each(right)('%s is read', (toml, value) => {
    expect(get(valid(documentOf(toml)))).toEqual(value);
  });

  test.each(wrong)('%s is refused', (toml, message) => {
    const text = documentOf(toml);
    const line = text.split('\n').findIndex((one) => one.startsWith(`${nameOf(key)} = `)) + 1;
    const path = key.replace(/(lan|client)\./, '$1[0].').replace('tunnel.', 'tunnel[0].');
    expect(problems(text)).toEqual([`${line}:1: ${path}: ${message}`]);
    expect(parseConfig(text, 't.toml').config).toBeNull();
  });
});

test('the keys tried above are all there are', () => {
  expect([...new Set(KEYS.map(({ key }) => key))].sort()).toEqual(
    configurationKeys()
      .map(({ path }) => path)
      .sort(),
  );
});
