/** `bpf/layout.h`: what `layout.ts` says, in C. */
import { DIRECTIONS } from '../core/counters.js';
import { FLOW_SILENCE, LIMITS, PASSED, POLICIES, STRUCTS } from './layout.js';

/** The text of the file. */
export function layoutHeader(): string {
  return [
    '/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */',
    '/* Made from src/xdp/layout.ts, where everything is explained: npx vitest run test/xdp/layout.test.ts -u */',
    '#ifndef TSUNAGI_LAYOUT_H',
    '#define TSUNAGI_LAYOUT_H',
    '',
    '#include <linux/types.h>',
    '',
    enumeration(Object.entries({ ...LIMITS, FLOW_SILENCE }).map(([name, value]) => `${name} = ${value}`)),
    enumeration(numbered('DIRECTION', DIRECTIONS)),
    enumeration(numbered('POLICY', POLICIES)),
    enumeration(numbered('PASSED', PASSED)),
    STRUCTS.map((struct) => struct.text()).join('\n\n'),
    '',
    '#endif',
    '',
  ].join('\n');
}

/** `PREFIX_NAME` for each of `names`, from 0, and how many there are. */
function numbered(prefix: string, names: readonly string[]): string[] {
  return [...names, 'count'].map((name) => `${prefix}_${name.toUpperCase()}`);
}

function enumeration(lines: readonly string[]): string {
  return ['enum {', ...lines.map((line) => `\t${line},`), '};', ''].join('\n');
}
