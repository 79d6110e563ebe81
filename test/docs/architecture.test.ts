import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { document } from './documents.js';

const SRC = join(import.meta.dirname, '..', '..', 'src');
/** Rooms in which a packet is handled, and who drives them. */
const ROOMS = ['core', 'wire', 'mapping', 'policy', 'role', 'engine', 'sim', 'linux', 'daemon'];
/** A technology as the configuration names it, in a string. */
const NAMED = /['"`](6to4|6rd|isatap|teredo)['"`]/;
/** Where a tunnel is put together, where its configuration becomes one, and where its status is told: each a table. */
const TABLES = ['engine/spec.ts', 'engine/technologies.ts', 'daemon/resolve.ts', 'daemon/status-details.ts'];
/** Where the word is the answer, not a question: what an address is, and a row of IANA's registry. */
const WORDS = ['mapping/recognise.ts', 'policy/special-addresses.ts'];

function files(room: string): string[] {
  return readdirSync(join(SRC, room), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${room}/${name}`);
}

test('nobody asks for the type of a tunnel but where one is put together', () => {
  const naming = ROOMS.flatMap(files).filter((file) => NAMED.test(code(file)));
  expect(naming.filter((file) => ![...TABLES, ...WORDS].includes(file))).toEqual([]);
  expect(naming).toEqual(expect.arrayContaining(TABLES));
});

/** A file without its comments. */
function code(file: string): string {
  return readFileSync(join(SRC, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
}

test('docs/architecture.md names every file in which a technology is put together', () => {
  const text = document('architecture.md');
  for (const file of files('engine').filter((name) => /: Technology</.test(code(name)) && !TABLES.includes(name)))
    expect(text).toContain(`\`${file}\``);
});
