/**
 * What this machine can do, found out by asking and not by its version: which interfaces can have the program, and in
 * which mode. Pure judgements of what was read; every no has its reason, for people.
 *
 * All interfaces have one mode. A frame that came in natively leaves natively, and into a driver that cannot send it
 * would be lost without a word; in generic mode every device can be sent to.
 */
import { SystemError } from '../linux/libc.js';
import type { AttachedProgram } from './attached.js';
import type { Link } from './links.js';
import type { XdpFeatures } from './netdev.js';
import { LoadError } from './object.js';
import type { XdpMode } from './program.js';

/** What is wished for: the best that can be had, or one mode. */
export type WantedMode = 'auto' | XdpMode;

/** What is known of an interface beside its place in the host. */
export interface Sighting {
  /** null: the kernel does not tell. */
  readonly features: XdpFeatures | null;
  /** The program on it that is not ours. */
  readonly foreign: AttachedProgram | null;
  /** What the kernel said when native mode was tried; null: it was not refused. */
  readonly nativeRefusal: string | null;
}

/** What stands against the program on one interface. */
export interface Judgement {
  readonly name: string;
  /** null: there is no such interface. */
  readonly link: Link | null;
  /** Why it cannot have the program at all; null: it can. */
  readonly refused: string | null;
  /** Why not in native mode; null: it can. */
  readonly notNative: string | null;
}

/** Judges the interface called `name`. */
export function judgeInterface(name: string, link: Link | null, sighting: Sighting): Judgement {
  return { name, link, refused: refusal(link, sighting.foreign), notNative: nativeRefusal(sighting) };
}

function refusal(link: Link | null, foreign: AttachedProgram | null): string | null {
  if (link === null) return 'there is no such interface';
  if (link.mac === null) return 'it is no Ethernet interface';
  if (link.portOf !== null) return `it is part of ${link.portOf}, which takes its frames`;
  if (foreign === null) return null;
  const which = foreign.name === '' ? '' : ` "${foreign.name}"`;
  return `XDP program ${foreign.id}${which} of somebody else is on it, and is left alone`;
}

function nativeRefusal({ features, nativeRefusal: tried }: Sighting): string | null {
  if (tried !== null) return tried;
  if (features === null) return null;
  if (!features.receives) return 'its driver runs no XDP programs';
  if (!features.transmits) return 'nothing can be redirected into it (a veth needs GRO, or an XDP program, at its other end)';
  return null;
}

/** The mode for all of them: native when every interface that can have the program can have it so. */
export function chooseMode(wanted: WantedMode, judgements: readonly Judgement[]): XdpMode {
  if (wanted !== 'auto') return wanted;
  return judgements.every(({ refused, notNative }) => refused !== null || notNative === null) ? 'native' : 'generic';
}

/** Those that can have the program in `mode`. */
export function able(judgements: readonly Judgement[], mode: XdpMode): readonly (Judgement & { readonly link: Link })[] {
  return judgements.filter((one): one is Judgement & { readonly link: Link } => {
    return one.link !== null && one.refused === null && (mode === 'generic' || one.notNative === null);
  });
}

/** What is not as it could be: interfaces without the program, and what keeps the others from native mode when that was not ruled out. */
export function shortcomings(wanted: WantedMode, judgements: readonly Judgement[]): string[] {
  return judgements.flatMap(({ name, refused, notNative }) => {
    if (refused !== null) return [`${name}: ${refused}`];
    if (wanted === 'generic' || notNative === null) return [];
    return [`${name}: not in native mode: ${notNative}`];
  });
}

/** Why there is no fast path at all. */
export interface Impediment {
  readonly reason: string;
  /** What the verifier of the kernel said; mostly nothing. */
  readonly verifier: readonly string[];
}

/** What to say of whatever was thrown when the program was loaded. */
export function explainLoad(thrown: unknown): Impediment {
  const verifier = thrown instanceof LoadError ? thrown.log : [];
  return { reason: thrown instanceof SystemError ? systemReason(thrown) : reasonOf(thrown), verifier };
}

function systemReason(error: SystemError): string {
  switch (error.code) {
    case 'EPERM':
      return 'the kernel lets this process load no program: CAP_BPF and CAP_NET_ADMIN are needed';
    case 'ENOSYS':
      return 'this kernel has no BPF';
    default:
      return error instanceof LoadError ? `the kernel refused the program: ${error.message}` : error.message;
  }
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
