/**
 * What a Teredo server tells of the NAT in front of this host: RFC 4380 section 5.2.1, without the cone phase (RFC 5991
 * section 3.2).
 *
 *   socket 0   router solicitation --> primary address                       which endpoint does each see?
 *              router solicitation --> secondary address
 *
 * Both are asked at once, as often as a client would ask. One endpoint: the NAT is no symmetric one; whom it lets in is not
 * told, since every answer comes from where it was asked for. See {@link NatTest} for how to drive it.
 */
import type { Millis } from '../core/clock.js';
import { DROPS, Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import { Frame, HEADROOM } from '../core/frame.js';
import type { Random } from '../core/random.js';
import { TEREDO_PREFIX } from '../mapping/teredo.js';
import { EndpointPolicy } from '../policy/special-addresses.js';
import { formatIpv4 } from '../wire/address.js';
import { hmacSha1 } from '../wire/hmac.js';
import type { StunEndpoint } from '../wire/stun.js';
import { readTeredo, TEREDO_PORT, TeredoMessage } from '../wire/teredo.js';
import type { NatDatagram, NatTest } from './nat-test.js';
import { type NatVerdict, portAllocation } from './nat-verdict.js';
import { Outer } from './role.js';
import type { TeredoServers } from './teredo-node.js';
import { ANSWER_TIMEOUT, MAX_SOLICITATIONS } from './teredo-qualifier.js';
import { TeredoSolicitation } from './teredo-solicitation.js';

/** Said of every verdict. */
const BOUND = 'A Teredo server tells whether the NAT is symmetric, and no more (RFC 4380 section 5.2.1, RFC 5991 section 3.2).';
/** Whatever the server sees is believed: labs and carriers have addresses that no Teredo client would take for its own. */
const ANYONE = new EndpointPolicy([], [], []);

/** One of the server's addresses. */
class Question {
  readonly solicitation: TeredoSolicitation;
  readonly to = new Endpoint();
  asks = 0;
  isPending = true;
  /** Our endpoint as it was seen there. */
  mapped: StunEndpoint | null = null;
  /** Why an answer was refused, a drop reason. */
  objection: number = Drop.none;
  due: Millis;

  constructor(addr: number, random: Random, now: Millis) {
    this.solicitation = new TeredoSolicitation({ prefix: TEREDO_PREFIX | 0, endpoints: ANYONE, hmac: hmacSha1, random }, null);
    this.to.addr = addr;
    this.to.port = TEREDO_PORT;
    this.due = now;
  }
}

/** See the head of the file. */
export class TeredoNatTest implements NatTest<NatVerdict> {
  readonly #local: StunEndpoint;
  readonly #primary: Question;
  readonly #secondary: Question;
  readonly #source = new Endpoint();
  readonly #outer = new Outer();
  readonly #message = new TeredoMessage();
  readonly #frame = new Frame(new Uint8Array(2 * HEADROOM), 0, 2 * HEADROOM);
  #verdict: NatVerdict | null = null;

  /** `local`: what socket 0 is bound to. */
  constructor(servers: TeredoServers, local: StunEndpoint, random: Random, now: Millis) {
    this.#local = local;
    this.#source.addr = local.addr;
    this.#source.port = local.port;
    this.#primary = new Question(servers.primary, random, now);
    this.#secondary = new Question(servers.secondary, random, now);
  }

  get verdict(): NatVerdict | null {
    return this.#verdict;
  }

  handleDatagram(_socket: number, b: Uint8Array, off: number, end: number, from: StunEndpoint, _now: Millis): boolean {
    const outer = this.#outer;
    outer.remote.addr = from.addr;
    outer.remote.port = from.port;
    const question = this.#questions().find(({ to, isPending }) => isPending && to.bits === outer.remote.bits);
    if (question === undefined || readTeredo(b, off, end, this.#message) !== Drop.none) return false;
    outer.payload = off;
    outer.payloadEnd = end;
    const refused = question.solicitation.take(b, this.#message.packet, outer, this.#primary.to.bits);
    if (refused !== Drop.none) {
      question.objection = refused;
      return false;
    }
    const { isKeyRefused, origin } = question.solicitation;
    question.mapped = isKeyRefused ? null : { addr: origin.addr, port: origin.port };
    question.objection = isKeyRefused ? Drop.unauthenticated : Drop.none;
    question.isPending = false;
    this.#conclude();
    return true;
  }

  handleTimeout(now: Millis): void {
    for (const question of this.#questions()) {
      if (now >= question.due && question.asks === MAX_SOLICITATIONS) question.isPending = false;
    }
    this.#conclude();
  }

  nextTimeout(): Millis {
    const pending = this.#questions().filter(({ isPending }) => isPending);
    return Math.min(...pending.map(({ due }) => due));
  }

  pollTransmit(out: NatDatagram, now: Millis): boolean {
    const question = this.#questions().find(({ isPending, asks, due }) => isPending && asks < MAX_SOLICITATIONS && now >= due);
    if (question === undefined) return false;
    const { solicitation, to } = question;
    question.asks++;
    question.due = now + ANSWER_TIMEOUT;
    solicitation.ask(this.#source, to.bits);
    solicitation.poll(this.#frame);
    const { b, off, end } = this.#frame;
    for (let i = off; i < end; i++) out.b[i - off] = b[i];
    out.end = end - off;
    out.socket = 0;
    out.to.addr = to.addr;
    out.to.port = to.port;
    return true;
  }

  #questions(): readonly Question[] {
    return [this.#primary, this.#secondary];
  }

  #conclude(): void {
    if (this.#questions().some(({ isPending }) => isPending)) return;
    const [one, other] = [this.#primary, this.#secondary];
    const seen = this.#questions().flatMap(({ mapped }) => mapped ?? []);
    const mapped = seen.at(0) ?? null;
    const isSame = one.mapped !== null && other.mapped !== null ? equals(one.mapped, other.mapped) : null;
    const isDirect = seen.length > 0 && seen.every((each) => equals(each, this.#local));
    this.#verdict = {
      nat: mapped === null ? 'blocked' : isDirect ? 'none' : 'nat',
      server: mapped === null ? null : { addr: one.to.addr, port: one.to.port },
      local: this.#local,
      mapped,
      mapping: isSame === null ? null : isSame ? 'endpoint-independent' : 'address-and-port-dependent',
      filtering: null,
      ports:
        isDirect || mapped === null
          ? null
          : portAllocation(
              [this.#local.port],
              [mapped.port],
              seen.map(({ port }) => port),
            ),
      hairpin: null,
      notes: [...this.#questions().flatMap(silence), ...(mapped === null ? [] : [BOUND]), ...(isSame === false ? [UNCERTAIN] : [])],
    };
  }
}

const UNCERTAIN = 'Mapping depends on the address, and perhaps on the port too: both of the server’s addresses have one port.';

/** What there is to say of an address that has not told anything. */
function silence({ to, mapped, objection }: Question, i: number): string[] {
  if (mapped !== null) return [];
  const which = i === 0 ? 'first' : 'second';
  const refused = DROPS.find(({ code }) => code === objection);
  if (refused === undefined) return [`The server has not answered at its ${which} address, ${formatIpv4(to.addr)}.`];
  return [`What the server says at its ${which} address, ${formatIpv4(to.addr)}, is no answer: ${refused.name}.`];
}

function equals(a: StunEndpoint, b: StunEndpoint): boolean {
  return a.addr === b.addr && a.port === b.port;
}
