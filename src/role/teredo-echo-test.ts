/**
 * Which outside port a sequential NAT will have given to a bubble, RFC 6081 section 5.5: a solicitation, the bubble and
 * another solicitation leave by a port that nothing has left by yet. Each has another destination, and so another
 * outside port; what the two answers say lies on both sides of the third.
 */
import type { Millis } from '../core/clock.js';
import { Drop } from '../core/drop.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Frame } from '../core/frame.js';
import type { Outer } from './role.js';
import type { TeredoKey, TeredoNode, TeredoServers } from './teredo-node.js';
import { TeredoSolicitation } from './teredo-solicitation.js';

/** How often it is tried: the answers are waited for 1 s, then 2 s. RFC 6081 section 5.5.2.2. */
export const MAX_ECHO_TESTS = 2;
/** The bounds are at most so far apart: where they are not, ports are no sequence, and nothing can be foretold. */
export const MAX_SPAN = 16;
/** How much longer each try waits than the one before, and the first one waits. */
const ANSWER_TIMEOUT: Millis = 1_000;

/** What a test is about to send. */
export const EchoStep = { nothing: 0, solicitation: 1, bubble: 2 } as const;

/** See the head of the file. Reused. */
export class TeredoEchoTest {
  /** The port that is foretold, once there is one; 0: none. */
  prediction = 0;
  readonly #lower: TeredoSolicitation;
  readonly #upper: TeredoSolicitation;
  #servers: TeredoServers | null = null;
  #lowerPort = 0;
  #upperPort = 0;
  #isBubbleDue = false;
  #tests = 0;
  #due: Millis = Number.POSITIVE_INFINITY;

  constructor(node: TeredoNode, key: TeredoKey | null) {
    this.#lower = new TeredoSolicitation(node, key);
    this.#upper = new TeredoSolicitation(node, key);
  }

  /** When its answers are waited for no longer; `Infinity` while it does not run. */
  get due(): Millis {
    return this.#due;
  }

  /** Begins, from the client's end `local`. */
  begin(local: Endpoint, servers: TeredoServers, now: Millis): void {
    this.#servers = servers;
    this.prediction = this.#tests = 0;
    this.#ask(local, servers, now);
  }

  /** Its time is over: tries again, or ends, and then is true. */
  isOver(local: Endpoint, now: Millis): boolean {
    if (this.#servers !== null && this.#tests < MAX_ECHO_TESTS) {
      this.#ask(local, this.#servers, now);
      return false;
    }
    this.end();
    return true;
  }

  /** Neither sends nor waits any more. */
  end(): void {
    this.#lower.forget();
    this.#upper.forget();
    this.#isBubbleDue = false;
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** What is to be sent next: a solicitation, which is in `out` then, or the bubble, which is the caller's to write. */
  poll(out: Frame): number {
    if (this.#lower.poll(out)) return EchoStep.solicitation;
    if (this.#isBubbleDue) {
      this.#isBubbleDue = false;
      return EchoStep.bubble;
    }
    return this.#upper.poll(out) ? EchoStep.solicitation : EchoStep.nothing;
  }

  /**
   * Takes a router advertisement for the port under test. `Drop.none`, or why it is no answer. When both answers are
   * there the test ends, with a `prediction` if they allow one.
   */
  take(b: Uint8Array, off: number, outer: Outer): number {
    const servers = this.#servers;
    if (servers === null || this.#due === Number.POSITIVE_INFINITY) return Drop.nonce_mismatch;
    const isLower = outer.remote.bits === (servers.primary | 0);
    const asked = isLower ? this.#lower : this.#upper;
    const verdict = asked.take(b, off, outer, servers.primary | 0);
    if (verdict !== Drop.none) return verdict;
    if (isLower) this.#lowerPort = asked.origin.port;
    else this.#upperPort = asked.origin.port;
    if (this.#lowerPort === 0 || this.#upperPort === 0) return Drop.none;
    this.end();
    const span = this.#upperPort - this.#lowerPort;
    // Section 5.5.4.4 prints one of the bounds twice; its example in section 6.4 has both.
    if (span > 1 && span <= MAX_SPAN) this.prediction = (this.#lowerPort + this.#upperPort) >>> 1;
    return Drop.none;
  }

  #ask(local: Endpoint, servers: TeredoServers, now: Millis): void {
    this.#lowerPort = this.#upperPort = 0;
    this.#lower.ask(local, servers.primary | 0);
    this.#upper.ask(local, servers.secondary | 0);
    this.#isBubbleDue = true;
    this.#tests++;
    this.#due = now + this.#tests * ANSWER_TIMEOUT;
  }
}
