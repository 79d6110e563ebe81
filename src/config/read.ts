/**
 * Reads TOML values by the tables of the schema and goes on after an error: what is right is
 * returned, so that checks across keys run in the same pass, and everything that is wrong is found.
 *
 * Zod judges each value; the walk over tables is ours, because zod gives up the whole of an object,
 * and its cross checks, when one key of it is wrong.
 */
import * as z from 'zod';
import { type Finding, type KeyPath, nearest, quote } from './problem.js';
import { elementOf, expectedOf } from './values.js';

/** Collects findings. */
export class Findings {
  readonly list: Finding[] = [];

  error(path: KeyPath, message: string, expected = ''): void {
    this.list.push({ severity: 'error', path, message, expected });
  }

  warning(path: KeyPath, message: string, expected = ''): void {
    this.list.push({ severity: 'warning', path, message, expected });
  }
}

/** What was read by a schema: a key is undefined when it was wrong; complete when there was no error. */
export type Read<S> =
  S extends z.ZodObject<infer Shape>
    ? { [K in keyof Shape]?: Read<Shape[K]> }
    : S extends z.ZodArray<infer Element extends z.ZodObject>
      ? (Read<Element> | undefined)[]
      : z.output<S>;

/** A TOML table. */
export type Raw = Readonly<Record<string, unknown>>;

/** True for a table of TOML: no date, no array. */
function isTable(raw: unknown): raw is Raw {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) && !(raw instanceof Date);
}

/** Reads the table `raw` by `table`; a table that varies (see {@link vary}) by the one that it names. */
export function readTable<T extends z.ZodObject>(table: T, raw: Raw, path: KeyPath, findings: Findings): Read<T> {
  const shape = table.shape as z.ZodRawShape;
  if (!(table.def.catchall instanceof z.ZodUnknown)) findUnknownKeys(Object.keys(shape), raw, path, findings);
  const values: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(shape)) {
    values[key] = readValue(schema as z.ZodType, Object.hasOwn(raw, key) ? raw[key] : undefined, [...path, key], findings);
  }
  return values as Read<T>;
}

function readValue(schema: z.ZodType, raw: unknown, path: KeyPath, findings: Findings): unknown {
  if (schema instanceof z.ZodObject) return readSubtable(schema, raw ?? {}, path, findings);
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject) {
    return readSubtables(schema.element, raw ?? [], path, findings);
  }
  const result = schema.safeParse(raw, { error: complaint, reportInput: true });
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const judge = issue.path.length === 0 ? schema : elementOf(schema);
    // What stands for a list of one has no place in it.
    const place = Array.isArray(raw) ? (issue.path as KeyPath) : [];
    findings.error([...path, ...place], issue.message, expectedOf(judge));
  }
  return undefined;
}

function readSubtable(table: z.ZodObject, raw: unknown, path: KeyPath, findings: Findings): unknown {
  if (isTable(raw)) return readTable(variantOf(table, raw), raw, path, findings);
  findings.error(path, found(raw), 'a table');
  return undefined;
}

function readSubtables(table: z.ZodObject, raw: unknown, path: KeyPath, findings: Findings): unknown {
  if (Array.isArray(raw)) return raw.map((element, i) => readSubtable(table, element, [...path, i], findings));
  findings.error(path, found(raw), `[[${path.filter((part) => typeof part === 'string').join('.')}]]`);
  return undefined;
}

interface Variants {
  readonly by: string;
  readonly tables: ReadonlyMap<unknown, z.ZodObject>;
}

/** Tables that have more keys according to the value of one. */
const VARIANTS = new WeakMap<z.ZodObject, Variants>();

/** From now on `table` is read by that one of `tables` that the value of its key `by` names. */
export function vary(table: z.ZodObject, by: string, tables: ReadonlyMap<unknown, z.ZodObject>): void {
  VARIANTS.set(table, { by, tables });
}

function variantOf(table: z.ZodObject, raw: Raw): z.ZodObject {
  const variant = VARIANTS.get(table);
  return variant?.tables.get(raw[variant.by]) ?? table;
}

function findUnknownKeys(known: readonly string[], raw: Raw, path: KeyPath, findings: Findings): void {
  for (const key of Object.keys(raw)) {
    if (known.includes(key)) continue;
    findings.error([...path, key], 'unknown key', `"${nearest(key, known)}", the nearest known key`);
  }
}

/** Words for what zod found wrong, the value in front. */
function complaint(issue: z.core.$ZodRawIssue): string {
  if ((issue.code === 'too_small' || issue.code === 'too_big') && Array.isArray(issue.input)) return `has ${issue.input.length} elements`;
  if (issue.code === 'too_small') return `${issue.input} is too small`;
  if (issue.code === 'too_big') return `${issue.input} is too large`;
  return found(issue.input);
}

/** A value that was found, by its kind: `"1280" is a string`. */
function found(input: unknown): string {
  if (input === undefined) return 'is missing';
  if (Array.isArray(input)) return 'is an array';
  if (input instanceof Date) return 'is a date';
  if (typeof input === 'object') return 'is a table';
  if (typeof input === 'string') return `${quote(input)} is a string`;
  if (typeof input === 'number' && !Number.isInteger(input)) return `${input} is no whole number`;
  return `${input} is a ${typeof input}`;
}
