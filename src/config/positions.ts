/**
 * Where each key of a TOML document stands: smol-toml tells positions of syntax errors only.
 *
 * The scan follows TOML 1.0 just far enough to find keys. It is given documents that smol-toml has
 * accepted, which also bounds their nesting; on any other it still ends, with what it found so far.
 */
import { parse } from 'smol-toml';
import type { KeyPath } from './problem.js';

/** A place in a file; both count from 1, columns in UTF-16 units as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Parts of a path that are told apart: as deep as the parser lets structures nest. */
export const MOST_DEPTH = 32;

/** The lines of a text. */
export class Lines {
  readonly #starts = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** The place of an offset. */
  at(offset: number): Position {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle] <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - this.#starts[low] + 1 };
  }
}

/** The places of the keys, tables and array elements of one document. */
export class Positions {
  readonly #lines: Lines;
  readonly #offsets: ReadonlyMap<string, number>;

  constructor(text: string) {
    this.#lines = new Lines(text);
    this.#offsets = new Scan(text).run();
  }

  /** Where `path` stands, or the innermost table around it that does; the start of the file for neither. */
  at(path: KeyPath): Position {
    for (let len = path.length; len > 0; len--) {
      const offset = this.#offsets.get(id(path.slice(0, len)));
      if (offset !== undefined) return this.#lines.at(offset);
    }
    return this.#lines.at(0);
  }
}

function id(path: KeyPath): string {
  return JSON.stringify(path);
}

class Scan {
  readonly #text: string;
  readonly #offsets = new Map<string, number>();
  /** How many elements each array of tables has so far. */
  readonly #counts = new Map<string, number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): ReadonlyMap<string, number> {
    let table: KeyPath = [];
    for (;;) {
      this.#skip(/\s+|#[^\n]*/y);
      const start = this.#at;
      if (this.#take('[')) table = this.#header(start);
      else this.#pair(table);
      if (this.#at === start) return this.#offsets;
    }
  }

  /** `table]` or `[table]]`; returns the path of the table it opens. */
  #header(start: number): KeyPath {
    const isArray = this.#take('[');
    const keys = this.#keys();
    this.#take(']');
    this.#take(']');
    let path: KeyPath = [];
    keys.forEach(({ key }, i) => {
      path = [...path, key];
      const last = i === keys.length - 1;
      const count = this.#counts.get(id(path));
      this.#note(path, start);
      if (last && isArray) {
        this.#counts.set(id(path), (count ?? 0) + 1);
        path = [...path, count ?? 0];
        this.#note(path, start);
      } else if (count !== undefined) {
        path = [...path, count - 1];
      }
    });
    return path;
  }

  /** `key.key = value` in `table`. */
  #pair(table: KeyPath): void {
    let path = table;
    for (const { key, offset } of this.#keys()) {
      path = [...path, key];
      this.#note(path, offset);
    }
    this.#take('=');
    this.#value(path);
  }

  #value(path: KeyPath): void {
    this.#skip(/[ \t]+/y);
    if (this.#take('[')) this.#list(']', (i) => this.#element([...path, i]));
    else if (this.#take('{')) this.#list('}', () => this.#pair(path));
    else if (!this.#string()) this.#skip(/[^,\]}#\n]+/y);
  }

  #element(path: KeyPath): void {
    this.#note(path, this.#at);
    this.#value(path);
  }

  /** What stands between commas until `close`. */
  #list(close: string, item: (i: number) => void): void {
    for (let i = 0; this.#at < this.#text.length; i++) {
      this.#skip(/\s+|#[^\n]*/y);
      if (this.#take(close)) return;
      const start = this.#at;
      item(i);
      this.#skip(/\s+|#[^\n]*/y);
      this.#take(',');
      if (this.#at === start) return;
    }
  }

  /** A dotted key, each part with its offset. */
  #keys(): { readonly key: string; readonly offset: number }[] {
    const keys = [];
    do {
      this.#skip(/[ \t]+/y);
      const offset = this.#at;
      const quoted = this.#text[offset] === '"' || this.#text[offset] === "'";
      if (quoted ? !this.#string() : !this.#skip(/[A-Za-z0-9_-]+/y)) break;
      const written = this.#text.slice(offset, this.#at);
      if (keys.length < MOST_DEPTH) keys.push({ key: quoted ? unquote(written) : written, offset });
      this.#skip(/[ \t]+/y);
    } while (this.#take('.'));
    return keys;
  }

  /** Any of the four kinds of string. */
  #string(): boolean {
    return this.#skip(/"""(?:[^"\\]|\\[\s\S]|"(?!""))*"{3,5}|'''(?:[^']|'(?!''))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y);
  }

  /** Remembers the first place of `path`. */
  #note(path: KeyPath, offset: number): void {
    if (!this.#offsets.has(id(path))) this.#offsets.set(id(path), offset);
  }

  #take(mark: string): boolean {
    if (!this.#text.startsWith(mark, this.#at)) return false;
    this.#at += mark.length;
    return true;
  }

  /** Passes over every match of `pattern` (sticky) from here on; false when there is none. */
  #skip(pattern: RegExp): boolean {
    const start = this.#at;
    for (;;) {
      pattern.lastIndex = this.#at;
      const match = pattern.exec(this.#text);
      if (match === null || match[0] === '') return this.#at > start;
      this.#at += match[0].length;
    }
  }
}

/** The text of a quoted key, its escapes resolved by the parser itself. */
function unquote(written: string): string {
  try {
    return String(parse(`key = ${written}`).key);
  } catch {
    return written;
  }
}
