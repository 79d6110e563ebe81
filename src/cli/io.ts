/** Where a command writes, and what it may expect of the other side. */

/** The outside of a command. */
export interface Io {
  /** A line of output. */
  out(line: string): void;
  /** A line for people: errors, hints, progress. */
  err(line: string): void;
  /** Output goes to a terminal: it may be redrawn. */
  readonly interactive: boolean;
  /** Output may carry colours. */
  readonly colours: boolean;
}

/** The streams of this process. `NO_COLOR` (https://no-color.org) is honoured. */
export function processIo(): Io {
  const { stdout, stderr } = process;
  // Whoever reads us may stop reading: `tsunagi status --watch | head`.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const interactive = stdout.isTTY === true;
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    interactive,
    colours: interactive && (process.env.NO_COLOR ?? '') === '',
  };
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** `text` in a style, where colours are wanted. */
export function paint(io: Io, style: keyof typeof STYLES, text: string): string {
  return io.colours ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

/** One line for each row, columns aligned; the last column of a row may be as long as it likes. Widths count characters without styles. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell));
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat(i === row.length - 1 ? 0 : widths[i] - width(cell)))
      .join('  ')
      .trimEnd(),
  );
}

function width(cell: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: styles are made of them
  return cell.replace(/\x1b\[\d+m/g, '').length;
}
