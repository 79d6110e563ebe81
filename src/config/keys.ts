/** What is said of a key beside its value: the reference quotes it, checks of roles obey it. */
import * as z from 'zod';

/** What the reference says of a key. */
export interface KeyDoc {
  /** One or two sentences. */
  readonly about: string;
  /** Unit of a number. */
  readonly unit?: 'octets' | 'threads' | 'errors a second' | 'hops' | 'seconds';
  /** What applies when the key is absent, in words, where the default is no value. */
  readonly absent?: string;
  /** The roles that take the key; all of them where it is not said. */
  readonly roles?: readonly string[];
  /** The roles that cannot do without it. */
  readonly neededBy?: readonly string[];
  /** Keys that cannot stand beside it, because it says what they would. */
  readonly replaces?: readonly string[];
}

/** What is said of each key. */
export const keyDocs = z.registry<KeyDoc>();

/** What is said of each table: a sentence under its heading. */
export const tableDocs = z.registry<{ readonly about: string }>();

/** A key that may be absent: null then. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullable().default(null);
}
