/** Where the program is attached. It stays where it may stay: an interface that did not change is not touched. */
import { SystemError } from '../linux/libc.js';
import { attachedMode, attachedProgram, interfaceOf } from './attached.js';
import type { Link } from './links.js';
import { xdpFeatures } from './netdev.js';
import type { Pins } from './pins.js';
import { able, chooseMode, type Judgement, judgeInterface, type Sighting, shortcomings, type WantedMode } from './probe.js';
import { XdpLink, type XdpMode, type XdpProgram } from './program.js';

/** An interface that has the program. */
interface Attachment {
  readonly link: Link;
  readonly mode: XdpMode;
  readonly handle: XdpLink;
  /** False: it is the program of a service before this one. */
  isOurs: boolean;
  isPinned: boolean;
}

/** What came of it. */
export interface Attached {
  readonly mode: XdpMode;
  readonly links: readonly Link[];
  /** What is not as it could be, a clause each. */
  readonly shortcomings: readonly string[];
}

/** Nothing is known of an interface. */
const UNSEEN: Sighting = { features: null, foreign: null, nativeRefusal: null };

/** One program on several interfaces. */
export class Attachments {
  readonly #program: XdpProgram;
  readonly #leaving: (staying: readonly Link[]) => void;
  readonly #present = new Map<number, Attachment>();
  /** What the kernel said of native mode on an interface, by its index: not tried again until somebody asks for it. */
  readonly #nativeRefusals = new Map<number, string>();
  /** Where it is kept beyond this process; null: nowhere. */
  #pins: Pins | null = null;

  /** `leaving` is called before the program is taken off any interface, with those that keep it: nothing is to be sent by the others any more. */
  constructor(program: XdpProgram, leaving: (staying: readonly Link[]) => void) {
    this.#program = program;
    this.#leaving = leaving;
  }

  /** Native mode may be tried again where it was refused. */
  forgetRefusals(): void {
    this.#nativeRefusals.clear();
  }

  /** Has the program on the interfaces called `names`, as far as may be, and on no others. `links`: those of the host. */
  change(wanted: WantedMode, names: readonly string[], links: readonly Link[]): Attached {
    const busy = new Map<number, string>();
    const lookAt = (name: string): Judgement => {
      const link = links.find((one) => one.name === name) ?? null;
      const judgement = this.#judge(name, link);
      const refused = judgement.refused ?? (link === null ? null : (busy.get(link.index) ?? null));
      return { ...judgement, refused };
    };
    // Every round but the last learns that one interface more cannot be had, in native mode or at all.
    for (let round = 0; ; round++) {
      const judgements = names.map(lookAt);
      const mode = chooseMode(wanted, judgements);
      const targets = able(judgements, mode);
      this.#keep(
        targets.map(({ link }) => link),
        mode,
      );
      const refusal = this.#attach(
        targets.map(({ link }) => link),
        mode,
      );
      if (refusal === null || round > 2 * names.length) {
        const present = targets.filter(({ link }) => this.#present.has(link.index)).map(({ link }) => link);
        return { mode, links: present, shortcomings: shortcomings(wanted, judgements) };
      }
      (mode === 'native' ? this.#nativeRefusals : busy).set(refusal.index, refusal.reason);
    }
  }

  /** Takes over what a service before this one has kept in `pins`; its program stays in place until `renew`. Throws `SystemError`. */
  adopt(pins: Pins, links: readonly Link[]): void {
    this.#pins = pins;
    for (const index of pins.interfaces) {
      const handle = XdpLink.pinned(pins.link(index));
      const link = interfaceOf(handle) === index ? links.find((one) => one.index === index) : undefined;
      const mode = link === undefined ? null : attachedMode(index);
      if (link === undefined || mode === null) handle.close();
      else this.#present.set(index, { link, mode, handle, isOurs: false, isPinned: true });
    }
  }

  /** Has this program be the one on every interface. Throws `SystemError`. */
  renew(): void {
    for (const attachment of this.#present.values()) {
      if (!attachment.isOurs) attachment.handle.update(this.#program);
      attachment.isOurs = true;
    }
  }

  /** Has the program stay on its interfaces when this process ends, kept in `pins`; null: leave them then. Throws `SystemError`. */
  keep(pins: Pins | null): void {
    this.#pins = pins;
    for (const index of pins?.interfaces ?? []) if (this.#present.get(index)?.isPinned !== true) pins?.removeLink(index);
    for (const attachment of this.#present.values()) {
      if (pins !== null && !attachment.isPinned) attachment.handle.pin(pins.link(attachment.link.index));
      attachment.isPinned = pins !== null;
    }
  }

  /** Lets go of the program where it is kept, and takes it off every interface where it is not. */
  leave(): void {
    for (const { handle } of this.#present.values()) handle.close();
    this.#present.clear();
  }

  /** What `change` would have to say, as far as that can be told without a change. */
  survey(wanted: WantedMode, names: readonly string[], links: readonly Link[]): string[] {
    return shortcomings(
      wanted,
      names.map((name) => this.#judge(name, links.find((one) => one.name === name) ?? null)),
    );
  }

  /** Takes the program off every interface. */
  close(): void {
    this.#keep([], 'native');
  }

  #judge(name: string, link: Link | null): Judgement {
    if (link === null) return judgeInterface(name, null, UNSEEN);
    try {
      const foreign = this.#present.has(link.index) ? null : attachedProgram(link.index);
      const nativeRefusal = this.#nativeRefusals.get(link.index) ?? null;
      return judgeInterface(name, link, { features: xdpFeatures(link.index), foreign, nativeRefusal });
    } catch (thrown) {
      // It has gone since it was listed.
      return { ...judgeInterface(name, link, UNSEEN), refused: systemReason(thrown) };
    }
  }

  /** Takes it off all interfaces but `links`, and off those where it is in another mode. */
  #keep(links: readonly Link[], mode: XdpMode): void {
    const isStaying = (one: Attachment) => one.mode === mode && links.some(({ index }) => index === one.link.index);
    const [staying, leaving] = [true, false].map((stays) => [...this.#present.values()].filter((one) => isStaying(one) === stays));
    if (leaving.length > 0) this.#leaving(staying.map(({ link }) => link));
    for (const { link, handle } of leaving) {
      this.#pins?.removeLink(link.index);
      handle.close();
      this.#present.delete(link.index);
    }
  }

  /** Puts it on those of `links` that do not have it; the first interface where that fails, and why. */
  #attach(links: readonly Link[], mode: XdpMode): { readonly index: number; readonly reason: string } | null {
    for (const link of links) {
      if (this.#present.has(link.index)) continue;
      try {
        const handle = this.#program.attach(link.index, mode);
        this.#present.set(link.index, { link, mode, handle, isOurs: true, isPinned: false });
      } catch (thrown) {
        return { index: link.index, reason: systemReason(thrown) };
      }
    }
    return null;
  }
}

/** What the kernel said; rethrows whatever it did not say. */
function systemReason(thrown: unknown): string {
  if (thrown instanceof SystemError) return thrown.message;
  throw thrown;
}
