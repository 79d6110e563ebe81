/** Tables for terminals, where some characters take two columns and styles take none. */

/** Styles of a cell, by ECMA-48 codes. */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
export type Style = keyof typeof STYLES;

/** `text` in a style; as it is where colours are not wanted. */
export function paint(colours: boolean, style: Style, text: string): string {
  return colours ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

/** Rows as lines: columns aligned, two spaces apart, none at the end. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, displayWidth(cell));
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat(widths[i] - displayWidth(cell)))
      .join('  ')
      .trimEnd(),
  );
}

/** Breaks a text into lines of at most `columns`: between words, and between any two wide characters but before closing marks. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const [piece] of text.matchAll(/\s+|[^\s\u2e80-\uffef]+[、。,)]*|[\u2e80-\uffef][、。,)」]*/gu)) {
    if (displayWidth(line + piece.trimEnd()) > columns && line !== '') {
      lines.push(line.trimEnd());
      line = '';
    }
    line += line === '' ? piece.trimStart() : piece;
  }
  return line.trimEnd() === '' ? lines : [...lines, line.trimEnd()];
}

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: styles are made of them
  for (const character of text.replace(/\x1b\[[0-9;]*m/g, '')) width += widthOf(character.codePointAt(0) ?? 0);
  return width;
}

/** Wide and fullwidth ranges that the product's words come from, Unicode Standard Annex 11. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
];

function widthOf(code: number): number {
  if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(String.fromCodePoint(code))) return 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}
