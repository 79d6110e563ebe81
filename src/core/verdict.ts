/**
 * What became of a packet, as one number: a verdict in the high octet, a drop reason in the low one.
 *
 * `Verdict.drop` is 0, so a drop reason from a policy is already the verdict, and a verdict below
 * 0x100 is a drop with that reason. Verdict 0 (a drop without a reason) never leaves the engine.
 */
export const Verdict = {
  drop: 0x000,
  /** The frame now holds what is to be sent on. */
  forward: 0x100,
  /** The tunnel keeps a copy until a peer answers. */
  hold: 0x200,
  /** The packet was for the tunnel itself. */
  consumed: 0x300,
} as const;

/** True when `verdict` is a drop; the reason is then the verdict itself. */
export function isDrop(verdict: number): boolean {
  return verdict < Verdict.forward;
}

/** The contract's word for a verdict. */
export function verdictName(verdict: number): 'forward' | 'hold' | 'consumed' | 'drop' {
  if (verdict >= Verdict.consumed) return 'consumed';
  if (verdict >= Verdict.hold) return 'hold';
  return verdict >= Verdict.forward ? 'forward' : 'drop';
}
