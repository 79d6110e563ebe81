/** Where a lab speaks to people: lines that stay, and on a terminal one status line below them that is written over. */
import type { Words } from '../topology/topology.js';
import type { Language } from './language.js';
import { displayWidth } from './table.js';

/** The streams of a screen. */
export interface ScreenOptions {
  readonly language: Language;
  /** Whether lines may carry colours. */
  readonly colours: boolean;
  /** A line of output. */
  readonly out: (line: string) => void;
  /** A line for people beside the output. */
  readonly err: (line: string) => void;
  /** Writes to the terminal as it is; null where there is none: no status line then. */
  readonly terminal: { readonly write: (text: string) => void; readonly columns: () => number } | null;
}

const ERASE = '\r\x1b[K';

/** A screen. */
export class Screen {
  readonly language: Language;
  readonly colours: boolean;
  readonly #options: ScreenOptions;
  #status = '';

  constructor(options: ScreenOptions) {
    this.language = options.language;
    this.colours = options.colours;
    this.#options = options;
  }

  /** Words in the reader's language. */
  say(words: Words): string {
    return words[this.language];
  }

  /** Prints lines of output. */
  print(...lines: readonly string[]): void {
    this.#above(() => lines.forEach(this.#options.out));
  }

  /** Prints lines for people that are no output. */
  note(...lines: readonly string[]): void {
    this.#above(() => lines.forEach(this.#options.err));
  }

  /** Replaces the status line; empty: takes it away. */
  status(text: string): void {
    const { terminal } = this.#options;
    if (terminal === null) return;
    this.#status = cut(text, terminal.columns() - 1);
    terminal.write(ERASE + this.#status);
  }

  #above(write: () => void): void {
    const { terminal } = this.#options;
    if (this.#status !== '') terminal?.write(ERASE);
    write();
    if (this.#status !== '') terminal?.write(this.#status);
  }
}

/** The beginning of `text` that fits into `columns`. */
function cut(text: string, columns: number): string {
  let kept = '';
  for (const character of text) {
    if (displayWidth(kept + character) > columns) return kept;
    kept += character;
  }
  return kept;
}
