/** What a test vector is, as a file and while it is being written. */
import * as z from 'zod';
import { DROPS, type DropName } from '../../src/core/drop.js';
import { toHex } from './compose.js';

const octets = z.string().regex(/^([0-9a-f]{2})*$/, 'octets in lower-case hex');
const side = z.enum(['v4', 'v6']);
const rfc = /^RFC \d+( \d+(\.\d+)*| figure \d+)?(, (RFC \d+ )?\d+(\.\d+)*)*$/;

/** One file. See vectors/README.md for what each field means. */
export const vectorSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'words of lower-case letters and digits, joined by hyphens'),
    rfc: z.string().regex(rfc, 'such as "RFC 3964 5.2"'),
    rows: z
      .array(z.string().regex(/^[A-Z0-9]+(-[A-Z]{2})?-\d\d$/))
      .min(1)
      .optional(),
    config: z.string().min(1),
    chance: z.literal(0).optional(),
    state: z
      .array(z.strictObject({ now: z.number().nonnegative(), from: side, in: octets }))
      .min(1)
      .optional(),
    now: z.number().nonnegative(),
    from: side,
    in: octets,
    verdict: z.enum(['forward', 'hold', 'consumed', 'drop']),
    reason: z.enum(DROPS.map(({ name }) => name)).optional(),
    out: octets.optional(),
    answers: z
      .array(z.strictObject({ to: side, octets, within: z.number().positive().optional() }))
      .min(1)
      .optional(),
    says: z
      .array(z.strictObject({ to: side, octets }))
      .min(1)
      .optional(),
  })
  .refine(({ verdict, reason }) => (verdict === 'drop') === (reason !== undefined), 'a drop, and nothing else, has a reason')
  .refine(({ verdict, out }) => (verdict === 'forward') === (out !== undefined), 'what is forwarded, and nothing else, has an out');

export type Vector = z.output<typeof vectorSchema>;

/** A packet that the node sends: to which side, and what. */
export interface SentCase {
  readonly to: Vector['from'];
  readonly octets: Uint8Array;
}

/** A vector with packets as octets. One of `out`, `drop`, `held` and `consumed` says what becomes of `in`. */
export interface VectorCase {
  readonly name: string;
  readonly rfc: string;
  readonly rows?: readonly string[];
  readonly config: string;
  /** 0: what is sent has octets that the node draws, or the story needs them; zeros all of them. */
  readonly chance?: 0;
  readonly state?: readonly { readonly now?: number; readonly from: Vector['from']; readonly in: Uint8Array }[];
  readonly now?: number;
  readonly from: Vector['from'];
  readonly in: Uint8Array;
  readonly out?: Uint8Array;
  readonly drop?: DropName;
  readonly consumed?: true;
  readonly held?: true;
  readonly answers?: readonly (SentCase & { readonly within?: number })[];
  readonly says?: readonly SentCase[];
}

/** The file that a case becomes. */
export function vectorOf(given: VectorCase): Vector {
  return {
    name: given.name,
    rfc: given.rfc,
    ...(given.rows !== undefined && { rows: [...given.rows] }),
    config: `${given.config.trim()}\n`,
    ...(given.chance !== undefined && { chance: given.chance }),
    ...(given.state !== undefined && { state: given.state.map((step) => ({ now: step.now ?? 0, from: step.from, in: toHex(step.in) })) }),
    now: given.now ?? 0,
    from: given.from,
    in: toHex(given.in),
    verdict: verdictOf(given),
    ...(given.drop !== undefined && { reason: given.drop }),
    ...(given.out !== undefined && { out: toHex(given.out) }),
    ...(given.answers !== undefined && { answers: given.answers.map(({ octets: b, ...rest }) => ({ ...rest, octets: toHex(b) })) }),
    ...(given.says !== undefined && { says: given.says.map(({ to, octets: b }) => ({ to, octets: toHex(b) })) }),
  };
}

function verdictOf({ name, out, drop, held, consumed }: VectorCase): Vector['verdict'] {
  const verdicts: Vector['verdict'][] = [];
  if (out !== undefined) verdicts.push('forward');
  if (drop !== undefined) verdicts.push('drop');
  if (held === true) verdicts.push('hold');
  if (consumed === true) verdicts.push('consumed');
  if (verdicts.length !== 1) throw new Error(`${name}: expected one of out, drop, held, consumed`);
  return verdicts[0];
}
