/** What is wrong with a configuration, where, and what was expected instead. */

/** One problem. */
export interface Problem {
  /** An error makes the configuration invalid; a warning does not. */
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** In characters, from 1. */
  readonly column: number;
  /** Path of the key, as `tunnel[0].mtu`; empty when it is about the file as a whole. */
  readonly key: string;
  /** What is wrong, in a clause. */
  readonly message: string;
  /** What would be right; empty where the message says it all. */
  readonly expected: string;
}

/** Where in a table: keys and, in arrays, places from 0. */
export type KeyPath = readonly (string | number)[];

/** What was found to be wrong, before its key is looked up in the file. */
export interface Finding {
  readonly severity: Problem['severity'];
  readonly path: KeyPath;
  readonly message: string;
  readonly expected: string;
}

/** `file:line:column: key: message; expected …`, one line; a warning says that it is one. */
export function formatProblem(problem: Problem): string {
  const key = problem.key === '' ? '' : `${problem.key}: `;
  const severity = problem.severity === 'warning' ? 'warning: ' : '';
  const expected = problem.expected === '' ? '' : `; expected ${problem.expected}`;
  return `${problem.file}:${problem.line}:${problem.column}: ${severity}${key}${problem.message}${expected}`;
}

/** `tunnel[0].lan[1].subnet`; a key that is not bare is quoted. */
export function formatKeyPath(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += `${text === '' ? '' : '.'}${/^[A-Za-z0-9_-]{1,64}$/.test(part) ? part : quote(part)}`;
  }
  return text;
}

/** Octets of a value that a message repeats at most. */
const SHOWN = 48;

/** A text in quotes, on one line and cut when it is long: it comes from a file and goes to a terminal and a log. */
export function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The one of `known` that takes the fewest edits to become `word`; the first of equals, null when there is none. */
export function nearest(word: string, known: readonly string[]): string | null {
  const start = word.slice(0, SHOWN);
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(start, candidate);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let old = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(old[j] + 1, row[j - 1] + 1, old[j - 1] + change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], older[j - 2] + 1);
    }
    older = old;
    old = row;
  }
  return old[b.length];
}
