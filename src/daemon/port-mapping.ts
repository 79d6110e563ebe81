/**
 * What gateways lead to tunnels, RFC 6081 section 5.3, kept up as long as it is wanted.
 *
 *   asked       answered in some seconds: mapped, or not
 *   mapped      asked for again in half its lifetime, and often enough that a gateway that was restarted has it again soon
 *   not mapped  asked again ever more rarely
 *
 * A refusal of what was granted before may be a gateway that is busy: it is asked once more, soon, before it is believed.
 */
import { randomBytes } from 'node:crypto';
import type { EndpointText } from '../role/role.js';
import type { PortMapping } from '../role/teredo-node.js';
import { MAPPING_NONCE_LEN } from '../wire/pcp.js';
import { reasonOf } from './failure.js';
import { gateway as anyGateway, type Gateway, type MappingGrant, type MappingWish } from './gateway.js';

/** Milliseconds from one question that was answered to the next, at most and at least. */
export const RENEWAL = { most: 300_000, least: 10_000 } as const;
/** Milliseconds before what failed is tried again: doubled each time, up to the longest. */
export const RETRY = { first: 60_000, longest: 900_000 } as const;
/** Milliseconds before a gateway is asked once more that has granted it before. */
export const SECOND_THOUGHT = 5_000;
/** Chance lengthens waits by up to this part. */
const SPREAD = 0.1;
/** Milliseconds for all farewells together: a service that is told to stop is gone within two seconds. What has no end is on record. */
const FAREWELL = 1_500;

/** A tunnel whose port is to be reached from outside. */
export interface Wanted {
  readonly tunnel: string;
  readonly local: EndpointText;
  /** Whom it sends through, unsigned; null: nobody. */
  readonly gateway: number | null;
}

/** A mapping that stays until it is given back. */
export interface Lasting {
  readonly wish: MappingWish;
  readonly grant: MappingGrant;
}

/** Who is told. */
export interface PortMappingListener {
  /** What became of the wish of a tunnel; null: it is asked for anew. */
  found(tunnel: string, mapping: PortMapping | null): void;
  /** What was mapped without an end: to be taken back by the next process if this one cannot. */
  granted(tunnel: string, mapping: Lasting): void;
  /** It is taken back. */
  released(tunnel: string): void;
}

/** All of them. */
export class PortMappings {
  readonly #listener: PortMappingListener;
  readonly #gateway: Gateway;
  readonly #watches = new Map<string, Watch>();
  /** Ends what is still under way. */
  readonly #end = new AbortController();
  /** Until what a process before this one has left is taken back; never rejects. */
  #leftover: Promise<unknown> = Promise.resolve();
  /** Farewells that are under way. */
  readonly #farewells = new Set<Promise<void>>();

  constructor(listener: PortMappingListener, gateway: Gateway = anyGateway) {
    this.#listener = listener;
    this.#gateway = gateway;
  }

  /** Asks for these from now on, and for no others: what is not wanted any more is given back. */
  want(wanted: readonly Wanted[]): void {
    const byTunnel = new Map(wanted.map((one) => [one.tunnel, one]));
    for (const [tunnel, watch] of [...this.#watches]) {
      const now = byTunnel.get(tunnel);
      if (now !== undefined && isSame(now, watch.wanted)) continue;
      this.#watches.delete(tunnel);
      this.#listener.found(tunnel, null);
      this.#remember(watch.stop());
    }
    for (const one of wanted) {
      if (!this.#watches.has(one.tunnel))
        this.#watches.set(one.tunnel, new Watch(one, this.#listener, this.#gateway, this.#leftover, this.#end.signal));
    }
  }

  /** The gateway may have forgotten what it has granted to `tunnel`: it is asked as soon as may be. */
  refresh(tunnel: string): void {
    this.#watches.get(tunnel)?.refresh();
  }

  /** Asks for everything anew. */
  refreshAll(): void {
    for (const watch of this.#watches.values()) watch.refresh();
  }

  /** Gives back what a process before this one has left, before anything is asked for: RFC 6081 section 5.3.3. */
  takeBack(left: ReadonlyMap<string, Lasting>): void {
    const farewells = [...left].map(async ([tunnel, { wish, grant }]) => {
      // One that is not there any more has nothing to be given back.
      await this.#gateway.unmap(wish, grant, this.#end.signal).catch(() => {});
      this.#listener.released(tunnel);
    });
    this.#leftover = Promise.all(farewells);
  }

  /** Gives everything back: resolves when that is done, or has had its time. */
  async stop(): Promise<void> {
    for (const watch of this.#watches.values()) this.#remember(watch.stop());
    this.#watches.clear();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FAREWELL);
    });
    await Promise.race([Promise.all(this.#farewells), late]);
    clearTimeout(timer);
    this.#end.abort();
  }

  #remember(farewell: Promise<void>): void {
    const kept = farewell.finally(() => this.#farewells.delete(kept));
    this.#farewells.add(kept);
  }
}

/** One tunnel's wish. */
class Watch {
  readonly wanted: Wanted;
  readonly #listener: PortMappingListener;
  readonly #gateway: Gateway;
  readonly #end: AbortSignal;
  readonly #nonce = randomBytes(MAPPING_NONCE_LEN);
  #grant: MappingGrant | null = null;
  /** How often in a row it was refused. */
  #failures = 0;
  /** null while it is asked. */
  #timer: NodeJS.Timeout | null = null;
  #askedAt = 0;
  /** What is under way; never rejects. */
  #question: Promise<void> = Promise.resolve();
  #isOver = false;

  /** Nothing is asked before `leftover` has resolved, or after `end` is aborted. */
  constructor(wanted: Wanted, listener: PortMappingListener, gateway: Gateway, leftover: Promise<unknown>, end: AbortSignal) {
    this.#end = end;
    this.wanted = wanted;
    this.#listener = listener;
    this.#gateway = gateway;
    this.#question = leftover.then(() => this.#ask());
  }

  /** Asks no more, and gives back what there is. */
  async stop(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer ?? undefined);
    await this.#question;
    const wish = this.#wish;
    if (this.#grant === null || wish === null) return;
    try {
      await this.#gateway.unmap(wish, this.#grant, this.#end);
      this.#listener.released(this.wanted.tunnel);
    } catch {
      // It ends with its lifetime, or the next service takes it back.
    }
  }

  refresh(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#askIn(Math.max(0, this.#askedAt + RENEWAL.least - performance.now()));
  }

  get #wish(): MappingWish | null {
    const { gateway, local } = this.wanted;
    return gateway === null ? null : { gateway, local, nonce: this.#nonce };
  }

  #askIn(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#question = this.#ask();
    }, milliseconds);
  }

  async #ask(): Promise<void> {
    if (this.#isOver) return;
    this.#askedAt = performance.now();
    const wish = this.#wish;
    try {
      if (wish === null) throw new Error('there is no gateway');
      const grant = await this.#gateway.map(wish, this.#end);
      this.#granted(wish, grant);
    } catch (thrown) {
      this.#refused(reasonOf(thrown));
    }
  }

  #granted(wish: MappingWish, grant: MappingGrant): void {
    this.#failures = 0;
    this.#grant = grant;
    const { tunnel, local } = this.wanted;
    if (grant.lifetime === Number.POSITIVE_INFINITY) this.#listener.granted(tunnel, { wish, grant });
    if (this.#isOver) return;
    this.#listener.found(tunnel, { gateway: wish.gateway, local, by: grant.by, external: grant.external, failure: null });
    this.#askIn(Math.min(Math.max(500 * grant.lifetime, RENEWAL.least), RENEWAL.most));
  }

  #refused(failure: string): void {
    if (this.#isOver) return;
    this.#failures++;
    const isDoubtful = this.#grant !== null && this.#failures === 1;
    if (isDoubtful) {
      this.#askIn(SECOND_THOUGHT);
      return;
    }
    const { tunnel, local, gateway } = this.wanted;
    this.#listener.found(tunnel, { gateway, local, by: this.#grant?.by ?? null, external: null, failure });
    this.#grant = null;
    this.#askIn(Math.min(RETRY.first * 2 ** (this.#failures - 1), RETRY.longest) * (1 + SPREAD * Math.random()));
  }
}

function isSame(a: Wanted, b: Wanted): boolean {
  return a.gateway === b.gateway && a.local.addr === b.local.addr && a.local.port === b.local.port;
}
