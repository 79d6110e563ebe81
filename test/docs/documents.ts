/** The documentation as data. */
import { readFileSync } from 'node:fs';

/** The text of a file in `docs/`. */
export function document(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

/** The cells of every table row of `text`, heads and rules left out, `code` marks taken off the first cell. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    if (!line.startsWith('| ') || lines[i + 1]?.startsWith('| ---') || line.startsWith('| ---')) return [];
    const [first, ...cells] = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''));
    return [[first.replaceAll('`', ''), ...cells]];
  });
}
