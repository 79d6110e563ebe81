import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Direction, IcmpKind, NODE_SLOT } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import { CONTROL_COMMANDS } from '../../src/daemon/control.js';
import { readStatus } from '../../src/daemon/status.js';
import { everyTechnology, fastPath, makeView } from '../daemon/view.js';
import { document, tableRows } from './documents.js';

/** The first cells of the tables in one section. */
function listed(section: string): string[] {
  const text =
    document('service.md')
      .split(/^## /m)
      .find((part) => part.startsWith(section)) ?? expect.fail(section);
  return tableRows(text).map(([name]) => name);
}

/** Paths of everything in a status; what is counted by name is one key. */
function keysOf(value: object, path = ''): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = `${path}${key}`;
    if (Array.isArray(inner) && typeof inner[0] === 'object') return inner.flatMap((entry) => keysOf(entry, `${here}[].`));
    const counted = ['dropped', 'icmp', 'passed'].includes(key);
    return typeof inner === 'object' && inner !== null && !Array.isArray(inner) && !counted ? keysOf(inner, `${here}.`) : [here];
  });
}

test('docs/service.md lists exactly the keys of a status', () => {
  const { view, writers } = makeView({ node: everyTechnology, fastpath: fastPath() });
  writers[0].dropped(NODE_SLOT, Direction.decapsulate, Drop.not_local);
  writers[0].icmp(0, IcmpKind.suppressed);
  expect(listed('Status').sort()).toEqual([...new Set(keysOf(readStatus(view)))].sort());
});

test('docs/service.md lists exactly the messages that the service logs', () => {
  const folders = ['../../src/daemon/', '../../src/cli/commands/'].map((folder) => new URL(folder, import.meta.url));
  const sources = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(new URL(name, folder), 'utf8')),
  );
  const said = sources.flatMap((text) => [
    ...[...text.matchAll(/\blog\.(?:debug|info|warn|error)\('([^']+)'/g)].map(([, message]) => message),
    ...[...text.matchAll(/\.fail\('([^']+)'/g)].map(([, message]) => message),
    ...[...text.matchAll(/\bmessage: '([^']+)',\s+fields\b/g)].map(([, message]) => message),
    ...[...text.matchAll(/'(uncaughtException|unhandledRejection)'/g)].map(([, message]) => message),
  ]);
  expect(listed('Log').sort()).toEqual([...new Set(said)].sort());
});

test('docs/service.md lists exactly the control commands', () => {
  expect(listed('Control socket').slice(0, CONTROL_COMMANDS.length)).toEqual([...CONTROL_COMMANDS]);
});
