/** Writes `docs/configuration.md` from the schema, so that every key is documented where it is defined. */
import * as z from 'zod';
import { keyDocs, tableDocs } from './keys.js';
import { formatProblem } from './problem.js';
import { configTable } from './schema.js';
import { TYPES, tunnelKeys } from './tunnel-keys.js';
import { TUNNEL_TYPES } from './tunnel-types.js';
import { expectedOf } from './values.js';

/** A key of the configuration, as tests and completions want it. */
export interface KeyReference {
  /** Path without indices, as `tunnel.lan.subnet`. */
  readonly path: string;
  readonly about: string;
}

/** Every key, in the order of the reference; one that several tables share is there once. */
export function configurationKeys(): KeyReference[] {
  const keys = new Map<string, KeyReference>();
  for (const { path: table, rows } of sections()) {
    for (const [key, schema] of rows) {
      const path = [...table, key].join('.');
      if (!keys.has(path)) keys.set(path, { path, about: docOf(schema).about });
    }
  }
  return [...keys.values()];
}

/** The text of `docs/configuration.md`. */
export function configurationReference(): string {
  const tables = sections().map(
    ({ heading, about, examples, rows }) =>
      `${heading}\n\n${about}\n\n${examples.map(block).join('')}${TABLE_HEAD}\n${rows.map(row).join('\n')}\n`,
  );
  return [INTRODUCTION, ...tables].join('\n');
}

/** The configuration that the reference shows first. */
export const EXAMPLE = `workers = 1

[node]
name     = "otemachi-1"
identity = "2001:db8:0:b000:192:88:99:1"

[[tunnel]]
type   = "6to4"
role   = "relay"
local  = "192.88.99.1"
accept = ["203.0.113.1"]
mtu    = 1480

[policy]
allow-ipv4 = ["203.0.113.0/24"]

[http]
listen = "127.0.0.1:6404"
`;

const EXAMPLE_PROBLEM = formatProblem({
  severity: 'error',
  file: '/etc/tsunagi/tsunagi.toml',
  line: 12,
  column: 1,
  key: 'tunnel[1].mtu',
  message: '100 is too small',
  expected: expectedOf(tunnelKeys.mtu),
});

const INTRODUCTION = `# Configuration

<!-- Written by src/config/reference.ts: run \`npx vitest run test/config/reference.test.ts -u\` after a change there. -->

\`/etc/tsunagi/tsunagi.toml\`, or the file that \`--config\` names: TOML, at most 1 MiB. An anycast 6to4 relay:

\`\`\`toml
${EXAMPLE}\`\`\`

The file is strict: an unknown key is an error. \`tsunagi check\` finds everything that is wrong in one pass, says where and
what was expected, and exits with status 3. Tables of an array count from 0:

\`\`\`text
${EXAMPLE_PROBLEM}
\`\`\`

Addresses and prefixes are text, sizes are octets.
`;

const TABLE_HEAD = '| key | value | default | meaning |\n| --- | --- | --- | --- |';

type Row = readonly [key: string, schema: z.ZodType];

interface Section {
  readonly heading: string;
  readonly path: readonly string[];
  readonly about: string;
  /** TOML. */
  readonly examples: readonly string[];
  readonly rows: readonly Row[];
}

function block(toml: string): string {
  return `\`\`\`toml\n${toml}\`\`\`\n\n`;
}

function sections(): Section[] {
  const { tunnel, ...tables } = configTable.shape;
  const top: Row[] = Object.entries(tables).filter(([, schema]) => !(schema instanceof z.ZodObject));
  return [
    { heading: '## The top of the file', path: [], about: aboutOf(configTable), examples: [], rows: top },
    ...Object.entries(tables).flatMap(([name, schema]) =>
      schema instanceof z.ZodObject ? [sectionOf(`## \`[${name}]\``, [name], schema)] : [],
    ),
    sectionOf('## `[[tunnel]]`', ['tunnel'], tunnel.element),
    ...TYPES.flatMap(sectionsOfType),
  ];
}

/** What a type adds to the keys that all share: its own keys, and its tables within the table. */
function sectionsOfType(type: (typeof TYPES)[number]): Section[] {
  const { table, examples } = TUNNEL_TYPES[type];
  const own = rowsOf(table).filter(
    ([key, schema]) => !Object.hasOwn(tunnelKeys, key) || tunnelKeys[key as keyof typeof tunnelKeys] !== schema,
  );
  const inner = own.flatMap(([key, schema]) => {
    const element = elementTable(schema);
    return element === null ? [] : [sectionOf(`#### \`[[tunnel.${key}]]\``, ['tunnel', key], element, rolesOf(schema))];
  });
  const leaves = own.filter(([, schema]) => elementTable(schema) === null);
  return [{ heading: `### \`type = "${type}"\``, path: ['tunnel'], about: aboutOf(table), examples, rows: leaves }, ...inner];
}

function sectionOf(heading: string, path: readonly string[], table: z.ZodObject, roles = ''): Section {
  return { heading, path, about: `${roles}${aboutOf(table)}`, examples: [], rows: rowsOf(table) };
}

function rowsOf(table: z.ZodObject): Row[] {
  return Object.entries(table.shape as z.ZodRawShape) as [string, z.ZodType][];
}

function elementTable(schema: z.ZodType): z.ZodObject | null {
  return schema instanceof z.ZodArray && schema.element instanceof z.ZodObject ? schema.element : null;
}

function aboutOf(table: z.ZodObject): string {
  return tableDocs.get(table)?.about ?? '';
}

function docOf(schema: z.ZodType) {
  const doc = keyDocs.get(schema);
  if (doc === undefined) throw new TypeError('a key of the configuration has no documentation');
  return doc;
}

function row([key, schema]: Row): string {
  const { about, unit } = docOf(schema);
  return `| \`${key}\` | ${expectedOf(schema)}${unit === undefined ? '' : ` ${unit}`} | ${fallbackOf(schema)} | ${rolesOf(schema)}${about} |`;
}

function rolesOf(schema: z.ZodType): string {
  const { roles } = docOf(schema);
  return roles === undefined ? '' : `(${roles.join(', ')}) `;
}

function fallbackOf(schema: z.ZodType): string {
  const { absent, neededBy } = docOf(schema);
  const none = neededBy === undefined ? '' : `; role ${neededBy.join(', ')}: required`;
  if (absent !== undefined) return `${absent}${none}`;
  return schema instanceof z.ZodPrefault ? `\`${JSON.stringify(schema.def.defaultValue)}\`` : 'required';
}
