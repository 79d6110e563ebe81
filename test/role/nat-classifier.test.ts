import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NAT_BEHAVIOURS, NAT_KINDS, type NatBehaviour, type NatKind, PORT_ALLOCATIONS } from '../../src/core/nat.js';
import { PATIENCE } from '../../src/role/binding-test.js';
import { NatClassifier } from '../../src/role/nat-classifier.js';
import { NatDatagram } from '../../src/role/nat-test.js';
import { portAllocation, rfc3489Name, teredoThrough } from '../../src/role/nat-verdict.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { writeBindingResponse } from '../../src/wire/stun.js';
import { type Fault, StunResponder } from '../stun-responder.js';
import { ADDRESSES, classify, LOCALS, type Outcome, type RunOptions } from './nat-world.js';

const [A, B] = ADDRESSES;
const SERVER = { addr: parseIpv4(A) ?? 0, port: 3478 };
const SECOND_SERVER = { addr: parseIpv4(B) ?? 0, port: 3478 };

const run = (options: Partial<RunOptions> & Pick<RunOptions, 'nat'>, fault: Fault | null = null): Outcome =>
  classify({ servers: [SERVER], responders: [new StunResponder([A, B], [3478, 3479], fault)], ...options });

const KINDS = NAT_BEHAVIOURS.flatMap((mapping) =>
  NAT_BEHAVIOURS.flatMap((filtering) => PORT_ALLOCATIONS.map((ports): NatKind => ({ mapping, filtering, ports }))),
);

describe('RFC 5780: every NAT is told from every other', () => {
  test.each(KINDS)('$mapping mapping, $filtering filtering, $ports ports', (kind) => {
    const { verdict } = run({ nat: { ...kind, hairpin: false } });
    expect(verdict).toMatchObject({
      nat: 'nat',
      server: SERVER,
      local: LOCALS[0],
      mapping: kind.mapping,
      filtering: kind.filtering,
      notes: [],
    });
    expect(verdict?.hairpin).toBe(false);
    // A NAT that maps every destination alike shows no more than two ports: the steps between them can deceive.
    expect(verdict?.ports).toBe(kind.ports);
  });

  test.each(NAT_BEHAVIOURS)('hairpinning is seen through %s filtering', (filtering) => {
    expect(run({ nat: { ...NAT_KINDS['full-cone'], filtering } }).verdict?.hairpin).toBe(true);
  });

  test('no NAT, a firewall, nothing at all', () => {
    const seen = [null, { ...NAT_KINDS.symmetric, udp: 'filtered' as const }, { ...NAT_KINDS.symmetric, udp: 'blocked' as const }].map(
      (nat) => {
        const { verdict } = run({ nat });
        return verdict === null ? null : [verdict.nat, verdict.filtering, rfc3489Name(verdict)];
      },
    );
    expect(seen).toEqual([
      ['none', 'endpoint-independent', 'open-internet'],
      ['firewall', 'address-and-port-dependent', 'symmetric-udp-firewall'],
      ['blocked', null, 'udp-blocked'],
    ]);
  });
});

test('RFC 3489 section 10.1: the name of every pair of mapping and filtering', () => {
  const { nat_types_extra: pairs } = JSON.parse(readFileSync(new URL('../../vectors/shared/vectors.json', import.meta.url), 'utf8')) as {
    nat_types_extra: { mapping: NatBehaviour; filtering: NatBehaviour; rfc3489_result: string }[];
  };
  expect(pairs).toHaveLength(9);
  for (const { mapping, filtering, rfc3489_result: name } of pairs) {
    const { verdict } = run({ nat: { mapping, filtering, ports: 'random' } });
    expect(verdict === null ? null : rfc3489Name(verdict)).toBe(name.replaceAll(' ', '-'));
  }
});

describe('time', () => {
  test('RFC 3489 section 9.3: nine requests in 9.5 s, and UDP is blocked', () => {
    const { sent, took, verdict } = run({ nat: null, responders: [] });
    expect(sent.map(({ at }) => at)).toEqual([0, 100, 300, 700, 1500, 3100, 4700, 6300, 7900]);
    expect([took, PATIENCE]).toEqual([9500, 9500]);
    expect(verdict?.notes).toEqual(['No server has answered: UDP is blocked, or they are down.']);
  });

  test('where everybody answers it is over in four round trips', () => {
    expect(run({ nat: { ...NAT_KINDS['full-cone'] } }).took).toBeLessThan(50);
  });

  test('mapping and filtering are never tested from one socket', () => {
    const { sent } = run({ nat: NAT_KINDS['port-restricted-cone'] });
    const filtering = sent.filter(({ socket, to }) => socket === 1 && to.startsWith('203.0.113.1') && !to.startsWith('203.0.113.1:'));
    expect(new Set(filtering.map(({ to }) => to))).toEqual(new Set([`${A}:3478`]));
  });
});

describe('servers', () => {
  test('one that knows RFC 3489 alone will do', () => {
    const { verdict } = run({ nat: NAT_KINDS['restricted-cone'] }, 'classic');
    expect(verdict).toMatchObject({ mapping: 'endpoint-independent', filtering: 'address-dependent', notes: [] });
  });

  test('one with one address tells neither, and says so', () => {
    const { verdict } = run({ nat: NAT_KINDS.symmetric }, 'no-other-address');
    expect(verdict).toMatchObject({ nat: 'nat', mapping: null, filtering: null });
    expect(verdict?.notes).toEqual([
      'The server names no second address (OTHER-ADDRESS): who may send in cannot be tested.',
      'With a second server at another address it could be told how the NAT maps.',
    ]);
  });

  test.each([
    ['full-cone', 'endpoint-independent'],
    ['symmetric', 'address-and-port-dependent'],
  ] as const)('two with one address each tell how a %s NAT maps', (name, mapping) => {
    const { verdict } = run({ nat: NAT_KINDS[name], servers: [SERVER, SECOND_SERVER] }, 'no-other-address');
    expect(verdict).toMatchObject({ mapping, filtering: null });
  });

  test('of several, the first with two addresses is asked the rest', () => {
    const responders = [new StunResponder([A, '203.0.113.99'], [3478, 3479], 'no-other-address'), new StunResponder([B, A], [3478, 3480])];
    const { verdict } = run({ nat: NAT_KINDS['full-cone'], servers: [SERVER, SECOND_SERVER], responders });
    expect(verdict).toMatchObject({ server: SECOND_SERVER, mapping: 'endpoint-independent' });
  });

  test.each(['ignores-change', 'refuses-change'] as const)('one that %s leaves filtering unknown, and is not waited for', (fault) => {
    const { verdict, took } = run({ nat: { ...NAT_KINDS['full-cone'] } }, fault);
    expect(verdict).toMatchObject({ mapping: 'endpoint-independent', filtering: null });
    expect(verdict?.notes).toHaveLength(1);
    expect(took).toBeLessThan(1000);
  });

  test('one whose answer cannot be understood has not answered', () => {
    expect(run({ nat: null }, 'unknown-attribute').verdict).toMatchObject({
      nat: 'blocked',
      notes: ['A server has answered, but not what was asked.'],
    });
  });

  test.each([0, 9])('%i of them are refused', (count) => {
    const servers = Array.from({ length: count }, (_, i) => ({ ...SERVER, port: 1000 + i }));
    expect(() => new NatClassifier({ servers, locals: LOCALS }, () => {}, 0)).toThrow(RangeError);
  });
});

describe('strangers', () => {
  const begin = (): { classifier: NatClassifier; datagram: NatDatagram } => {
    let drawn = 0;
    const classifier = new NatClassifier({ servers: [SERVER], locals: LOCALS }, (into) => into.fill(++drawn), 0);
    const datagram = new NatDatagram();
    classifier.pollTransmit(datagram, 0);
    return { classifier, datagram };
  };
  const answer = (transaction: Uint8Array, other = { addr: SECOND_SERVER.addr, port: 3479 }): Uint8Array => {
    const b = new Uint8Array(128);
    return b.slice(0, writeBindingResponse(b, 0, { transaction, mapped: { addr: 1, port: 2 }, origin: SERVER, other }));
  };

  test('an answer counts only from where it was asked for, on the socket that asked, and with its id', () => {
    const { classifier, datagram } = begin();
    const id = datagram.b.slice(4, 20);
    const wrong = id.slice();
    wrong[15] ^= 1;
    const took = (b: Uint8Array, socket: number, from: typeof SERVER): boolean =>
      classifier.handleDatagram(socket, b, 0, b.length, from, 1);
    expect(took(answer(wrong), 0, SERVER)).toBe(false);
    expect(took(answer(id), 1, SERVER)).toBe(false);
    expect(took(answer(id), 0, { ...SERVER, port: 3479 })).toBe(false);
    expect(took(answer(id), 0, SECOND_SERVER)).toBe(false);
    expect(took(answer(id), 0, SERVER)).toBe(true);
    expect(took(answer(id), 0, SERVER)).toBe(false);
  });

  test('a request of ours counts as led back on the other socket only: what is thrown back to where it came from has not been', () => {
    const { classifier, datagram } = begin();
    const reply = (): void => {
      const b = answer(datagram.b.slice(4, 20));
      classifier.handleDatagram(datagram.socket, b, 0, b.length, SERVER, 1);
    };
    reply();
    while (classifier.pollTransmit(datagram, 1) && datagram.socket === 0);
    reply();
    while (classifier.pollTransmit(datagram, 1) && datagram.to.addr !== 1);
    expect(datagram.to.addr).toBe(1); // our endpoint outside, as the server has it
    const back = (socket: number): boolean => classifier.handleDatagram(socket, datagram.b, 0, datagram.end, datagram.to, 2);
    expect([back(datagram.socket), back(1 - datagram.socket)]).toEqual([false, true]);
  });

  test.each([
    ['of its own', SERVER],
    ['that is a group', { addr: 0xe0000001, port: 3479 }],
    ['with port 0', { addr: SECOND_SERVER.addr, port: 0 }],
    ['with its own port', { addr: SECOND_SERVER.addr, port: SERVER.port }],
  ])('a server that names a second address %s is not believed', (_what, other) => {
    const { classifier, datagram } = begin();
    const b = answer(datagram.b.slice(4, 20), other);
    classifier.handleDatagram(0, b, 0, b.length, SERVER, 1);
    const to: number[] = [];
    while (classifier.pollTransmit(datagram, 1)) to.push(datagram.to.addr);
    expect(to).toEqual([SERVER.addr]);
  });
});

test('on any network it comes to an end, says no more than it may, and is never wrong about what it names', () => {
  const kind = fc.constantFrom(...KINDS);
  fc.assert(
    fc.property(kind, fc.boolean(), fc.integer({ min: 0, max: 60 }), fc.nat(0xffff), (nat, hairpin, loss, seed) => {
      const { verdict, sent, took } = run({ nat: { ...nat, hairpin }, loss: loss / 100, seed });
      expect(verdict).not.toBeNull();
      expect(took).toBeLessThanOrEqual(3 * PATIENCE + 100);
      expect(sent.length).toBeLessThanOrEqual(9 * 8);
      for (const { at } of sent) expect(sent.filter((other) => other.at === at).length).toBeLessThanOrEqual(7);
      if (loss === 0) expect(verdict).toMatchObject({ mapping: nat.mapping, filtering: nat.filtering });
      // What a lossy network may do is to hide answers: a NAT then seems to filter more than it does, never less.
      const seen = NAT_BEHAVIOURS.indexOf(verdict?.filtering ?? 'address-and-port-dependent');
      expect(seen).toBeGreaterThanOrEqual(NAT_BEHAVIOURS.indexOf(nat.filtering));
      if (verdict?.mapping !== null && verdict?.nat === 'nat') expect(verdict.mapping).toBe(nat.mapping);
      if (!hairpin) expect(verdict?.hairpin).not.toBe(true);
    }),
    { numRuns: 60, seed: 1 },
  );
});

test('ports are told by what they do', () => {
  expect(portAllocation([1000, 1002], [1000, 1002], [1000, 1002])).toBe('preserving');
  expect(portAllocation([1000, 1002], [7, 10], [7, 8, 9, 10])).toBe('sequential');
  expect(portAllocation([1000, 1002], [7, 13], [7, 9, 11, 13])).toBe('sequential');
  expect(portAllocation([1000, 1002], [7, 10], [7, 8, 10])).toBe('random');
  expect(portAllocation([1000], [7], [7, 7, 7])).toBeNull();
  expect(portAllocation([], [], [])).toBeNull();
});

test('RFC 6081 figure 1: what Teredo can do is a sentence for every NAT, and another one for each row', () => {
  const rows = [
    NAT_KINDS['full-cone'],
    NAT_KINDS['restricted-cone'],
    NAT_KINDS['port-restricted-cone'],
    { ...NAT_KINDS.symmetric, ports: 'preserving' },
    { ...NAT_KINDS.symmetric, ports: 'sequential' },
    NAT_KINDS.symmetric,
    { ...NAT_KINDS.symmetric, mapping: 'address-dependent' },
  ] as const;
  const sentences = rows.map((nat) => {
    const { verdict } = run({ nat });
    return verdict === null ? '' : teredoThrough(verdict);
  });
  expect(new Set(sentences).size).toBe(rows.length);
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z][^.]*\.$/);
});
