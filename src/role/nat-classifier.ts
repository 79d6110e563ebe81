/**
 * Finds out which NAT is in front of this host: RFC 5780 section 4 and RFC 3489 section 10.1.
 *
 *   socket 0   mapping I to every server asked --> the first with a second address
 *              mapping II to its other address, III to its other address and port     same endpoint seen?
 *   socket 1   filtering I --> II answered from another address and port?  III from another port?
 *   both       each to the other's endpoint outside                                   hairpinning
 *
 * Filtering has a socket of its own, because mapping tests open the filter for the addresses that it is tested with
 * (RFC 5780 section 4.4); both are to be new, on ports that nothing was sent from. What does not depend on one another
 * is asked at the same time.
 *
 * See {@link NatTest} for how to drive it. It is over after at most three times `PATIENCE`.
 */
import type { Millis } from '../core/clock.js';
import type { NatBehaviour } from '../core/nat.js';
import type { Random } from '../core/random.js';
import { isUnicast4 } from '../wire/address.js';
import { Change, readStun, type StunEndpoint, type StunMessage, StunType, writeBindingRequest } from '../wire/stun.js';
import { type BindingQuestion, BindingTest } from './binding-test.js';
import type { NatDatagram, NatTest } from './nat-test.js';
import { type NatVerdict, portAllocation } from './nat-verdict.js';

/** Servers that are asked, at most. */
export const MAX_SERVERS = 8;
/** Sockets that the caller opens, on one address and two ports of their own. */
export const SOCKETS = 2;

/** How a classifier is set up. */
export interface NatClassifierOptions {
  /** One to `MAX_SERVERS`, each once. */
  readonly servers: readonly StunEndpoint[];
  /** What the sockets are bound to. */
  readonly locals: readonly [StunEndpoint, StunEndpoint];
}

/** The tests that follow once a server is chosen. */
interface Tests {
  mapping2: BindingTest | null;
  mapping3: BindingTest | null;
  filtering1: BindingTest;
  filtering2: BindingTest | null;
  filtering3: BindingTest | null;
  hairpin: readonly BindingTest[];
}

/** One run. */
export class NatClassifier implements NatTest<NatVerdict> {
  readonly #options: NatClassifierOptions;
  readonly #random: Random;
  /** Mapping I, one for each server. */
  readonly #first: readonly BindingTest[];
  /** The second address that a server has named, by its place. */
  readonly #others: (StunEndpoint | null)[];
  /** Place of the server that everything else is asked of; -1: none yet. */
  #chosen = -1;
  #tests: Tests | null = null;
  #verdict: NatVerdict | null = null;

  /** Throws a RangeError when there are no servers, or too many. */
  constructor(options: NatClassifierOptions, random: Random, now: Millis) {
    const { servers } = options;
    if (servers.length < 1 || servers.length > MAX_SERVERS) throw new RangeError(`${servers.length} servers, expected 1 to ${MAX_SERVERS}`);
    this.#options = options;
    this.#random = random;
    this.#first = servers.map((to) => new BindingTest({ socket: 0, to, answersFrom: to, change: 0 }, random, now));
    this.#others = servers.map(() => null);
  }

  get verdict(): NatVerdict | null {
    return this.#verdict;
  }

  handleDatagram(socket: number, b: Uint8Array, off: number, end: number, from: StunEndpoint, now: Millis): boolean {
    const message = readStun(b, off, end);
    if (message === null || this.#verdict !== null) return false;
    const taken = message.type === StunType.request ? this.#takeOwn(socket, message) : this.#takeAnswer(socket, message, from);
    if (taken) this.#advance(now);
    return taken;
  }

  handleTimeout(now: Millis): void {
    for (const test of this.#all()) test.handleTimeout(now);
    this.#advance(now);
  }

  nextTimeout(): Millis {
    return this.#verdict === null ? Math.min(...this.#all().map(({ due }) => due)) : Number.POSITIVE_INFINITY;
  }

  pollTransmit(out: NatDatagram, now: Millis): boolean {
    if (this.#verdict !== null) return false;
    const test = this.#all().find((each) => each.takeTransmission(now));
    if (test === undefined) return false;
    const { socket, to, change } = test.question;
    out.socket = socket;
    out.to.addr = to.addr;
    out.to.port = to.port;
    out.end = writeBindingRequest(out.b, 0, { transaction: test.transaction, change });
    return true;
  }

  /** In the order in which they are sent: socket 1 has its port, if ports are preserved, before others take it. */
  #all(): BindingTest[] {
    if (this.#tests === null) return [...this.#first];
    const { mapping2, mapping3, filtering1, filtering2, filtering3, hairpin } = this.#tests;
    return [filtering1, mapping2, mapping3, filtering2, filtering3, ...hairpin].filter((test) => test !== null);
  }

  /** One of our own requests, led back to our other socket: who has its id has seen it leave. */
  #takeOwn(socket: number, message: StunMessage): boolean {
    const hairpin = this.#tests?.hairpin ?? [];
    const test = hairpin.find((each) => each.has(message.transaction) && each.question.socket !== socket);
    if (test === undefined) return false;
    for (const each of hairpin) each.outcome = 'answered';
    return true;
  }

  #takeAnswer(socket: number, message: StunMessage, from: StunEndpoint): boolean {
    const test = this.#all().find((each) => each.outcome === 'pending' && each.has(message.transaction));
    if (test === undefined || test.question.socket !== socket || this.#tests?.hairpin.includes(test) === true) return false;
    const { answersFrom, to } = test.question;
    const isFromThere = isSame(from, answersFrom);
    if (!isFromThere && !isSame(from, to)) return false;
    const isAnswer = message.type === StunType.response && message.unknown.length === 0 && message.mapped !== null;
    // An answer from where it was asked, and not from where it was asked to come from, does not tell anything.
    test.outcome = isFromThere && isAnswer ? 'answered' : 'refused';
    test.mapped = isAnswer ? message.mapped : null;
    const place = this.#first.indexOf(test);
    if (place >= 0) this.#others[place] = secondAddress(message, to);
    return true;
  }

  /** Begins the tests that what is known by now allows, and ends when there are no more. */
  #advance(now: Millis): void {
    if (this.#tests === null) {
      this.#choose();
      if (this.#chosen >= 0) this.#tests = this.#furtherTests(this.#chosen, now);
      else if (this.#isOver()) this.#verdict = this.#blocked();
      return;
    }
    const { filtering1 } = this.#tests;
    if (filtering1.outcome === 'answered' && this.#tests.filtering2 === null && this.#tests.hairpin.length === 0)
      this.#goOn(this.#tests, now);
    if (this.#isOver()) this.#verdict = this.#conclude(this.#tests);
  }

  #isOver(): boolean {
    return this.#all().every(({ outcome }) => outcome !== 'pending');
  }

  /** The first server with a second address; when all have had their time, the first that has answered. */
  #choose(): void {
    const answered = this.#first.map(({ outcome }) => outcome === 'answered');
    this.#chosen = answered.findIndex((is, i) => is && this.#others[i] !== null);
    if (this.#chosen < 0 && this.#isOver()) this.#chosen = answered.indexOf(true);
  }

  #furtherTests(chosen: number, now: Millis): Tests {
    const server = this.#options.servers[chosen];
    const other = this.#others[chosen];
    const ask = (socket: number, to: StunEndpoint): BindingTest => this.#ask({ socket, to, answersFrom: to, change: 0 }, now);
    return {
      mapping2: other === null ? null : ask(0, { addr: other.addr, port: server.port }),
      mapping3: other === null ? null : ask(0, other),
      filtering1: ask(1, server),
      filtering2: null,
      filtering3: null,
      hairpin: [],
    };
  }

  /** The way to the server and back is open: who else may send in? */
  #goOn(tests: Tests, now: Millis): void {
    const to = this.#options.servers[this.#chosen];
    const other = this.#others[this.#chosen];
    if (other !== null) {
      tests.filtering2 = this.#ask({ socket: 1, to, answersFrom: other, change: Change.both }, now);
      tests.filtering3 = this.#ask({ socket: 1, to, answersFrom: { addr: to.addr, port: other.port }, change: Change.port }, now);
    }
    const [one, two] = [this.#first[this.#chosen].mapped, tests.filtering1.mapped];
    if (one === null || two === null || isSame(one, this.#options.locals[0])) return;
    // Each sends to the other's endpoint, which opens its own filter; either way will do. Nobody else answers.
    tests.hairpin = [
      this.#ask({ socket: 0, to: two, answersFrom: two, change: 0 }, now),
      this.#ask({ socket: 1, to: one, answersFrom: one, change: 0 }, now),
    ];
  }

  #ask(question: BindingQuestion, now: Millis): BindingTest {
    return new BindingTest(question, this.#random, now);
  }

  #blocked(): NatVerdict {
    const refused = this.#first.some(({ outcome }) => outcome === 'refused');
    return {
      nat: 'blocked',
      server: null,
      local: this.#options.locals[0],
      mapped: null,
      mapping: null,
      filtering: null,
      ports: null,
      hairpin: null,
      notes: [refused ? 'A server has answered, but not what was asked.' : 'No server has answered: UDP is blocked, or they are down.'],
    };
  }

  #conclude(tests: Tests): NatVerdict {
    const { servers, locals } = this.#options;
    const notes: string[] = [];
    const { mapped } = this.#first[this.#chosen];
    const isDirect = mapped !== null && isSame(mapped, locals[0]);
    const filtering = this.#filtering(tests, notes);
    const mapping = this.#mapping(tests, notes);
    const isOpen = filtering === null || filtering === 'endpoint-independent';
    const made = [this.#first[this.#chosen], tests.filtering1, tests.mapping2, tests.mapping3].flatMap((test) => test?.mapped?.port ?? []);
    const first = [mapped, tests.filtering1.mapped].flatMap((endpoint) => endpoint?.port ?? []);
    return {
      nat: isDirect ? (isOpen ? 'none' : 'firewall') : 'nat',
      server: servers[this.#chosen],
      local: locals[0],
      mapped,
      mapping,
      filtering,
      ports: isDirect
        ? null
        : portAllocation(
            locals.map(({ port }) => port),
            first,
            made,
          ),
      hairpin: tests.hairpin.length === 0 ? null : tests.hairpin[0].outcome === 'answered',
      notes,
    };
  }

  /** RFC 5780 section 4.3; by servers that stand for each other's second address, where none has one. */
  #mapping({ mapping2, mapping3 }: Tests, notes: string[]): NatBehaviour | null {
    const { mapped } = this.#first[this.#chosen];
    if (mapping2 === null || mapping3 === null) return this.#mappingByServers(notes);
    if (mapped === null || mapping2.mapped === null || mapping3.mapped === null) {
      notes.push('The server does not answer at its other address: how the NAT maps is not known.');
      return null;
    }
    if (isSame(mapped, mapping2.mapped) && isSame(mapped, mapping3.mapped)) return 'endpoint-independent';
    return isSame(mapping2.mapped, mapping3.mapped) ? 'address-dependent' : 'address-and-port-dependent';
  }

  #mappingByServers(notes: string[]): NatBehaviour | null {
    const { servers } = this.#options;
    const [one, ...others] = this.#first.flatMap(({ mapped }, i) => (mapped === null ? [] : [{ mapped, addr: servers[i].addr }]));
    const elsewhere = others.filter(({ addr }) => addr !== one.addr);
    notes.push('The server names no second address (OTHER-ADDRESS): who may send in cannot be tested.');
    if (elsewhere.length === 0) {
      notes.push('With a second server at another address it could be told how the NAT maps.');
      return null;
    }
    if (elsewhere.every(({ mapped }) => isSame(mapped, one.mapped))) return 'endpoint-independent';
    notes.push('Mapping depends on the address, and perhaps on the port too: servers with one address do not tell.');
    return 'address-and-port-dependent';
  }

  /** RFC 5780 section 4.4. Its erratum 7971, which says that three tests are too few, has not been available. */
  #filtering({ filtering1, filtering2, filtering3 }: Tests, notes: string[]): NatBehaviour | null {
    if (filtering1.outcome !== 'answered') notes.push('The server has answered one socket, and not the other.');
    if (filtering2 === null || filtering3 === null) return null;
    if (filtering2.outcome === 'answered') return 'endpoint-independent';
    if (filtering2.outcome === 'refused' || filtering3.outcome === 'refused') {
      notes.push('The server does not answer from another address or port (CHANGE-REQUEST): who may send in is not known.');
      return null;
    }
    return filtering3.outcome === 'answered' ? 'address-dependent' : 'address-and-port-dependent';
  }
}

/** The server's other endpoint, where it has another address and another port, and one that can be sent to. */
function secondAddress({ other }: StunMessage, server: StunEndpoint): StunEndpoint | null {
  if (other === null || other.addr === server.addr || other.port === server.port || other.port === 0) return null;
  return isUnicast4(other.addr) ? other : null;
}

function isSame(a: StunEndpoint, b: StunEndpoint): boolean {
  return a.addr === b.addr && a.port === b.port;
}
