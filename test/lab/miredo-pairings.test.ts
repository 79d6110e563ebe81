/** Our programs and Miredo's in one network, in every mixture, through NATs of four types. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isRight, makeContacts } from '../../src/lab/matrix.js';
import type { TopologyMatrix } from '../../src/topology/topology.js';
import { tsharkMissing } from '../wire/tshark.js';
import { withoutLabs } from './command-line.js';
import { withoutMiredo } from './miredo.js';
import { dissectTeredo } from './teredo-dissection.js';
import { NATS, type Player, TeredoNetwork } from './teredo-network.js';

const reason = withoutLabs() ?? withoutMiredo();
const ECHOES = 3;

/** Every mixture; all of one kind is for other tests. */
const mixtures = (['tsunagi', 'miredo'] as const).flatMap((server) =>
  (['tsunagi', 'miredo'] as const).flatMap((relay) =>
    (['tsunagi', 'miredo'] as const).flatMap((client): [server: Player, relay: Player, client: Player][] =>
      server === relay && relay === client ? [] : [[server, relay, client]],
    ),
  ),
);

describe.each(mixtures)('server of %s, relay of %s, clients of %s', (server, relay, client) => {
  let network: TeredoNetwork;

  beforeAll(async () => {
    if (reason === null) network = await TeredoNetwork.up({ server, relay, client: () => client });
  });
  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
  });
  afterAll(async () => {
    await network?.down();
  });

  test.each(NATS)('a PC behind a $nat NAT reaches the web', async ({ first }) => {
    expect(await network.ping(first, 'web', ECHOES)).toMatchObject({ received: ECHOES, complaints: [] });
  });

  test.each(NATS)('the web reaches a PC behind a $nat NAT', async ({ second }) => {
    expect(await network.ping('web', second, ECHOES)).toMatchObject({ received: ECHOES, complaints: [] });
  });

  test('what they say to each other is Teredo to Wireshark, all of it', async (ctx) => {
    if (tsharkMissing !== null) ctx.skip(tsharkMissing);
    await network.stop();
    const datagrams = dissectTeredo(network.captureOf('access'));
    expect(datagrams.length).toBeGreaterThan(NATS.length * ECHOES * 4);
    expect(datagrams.filter(({ defects }) => defects.length > 0)).toEqual([]);
  });
});

/** Without the symmetric NATs: who is behind one is found by nonces, of which Miredo's client knows nothing. */
const cones = NATS.slice(0, 3).map(({ nat, first, second }) => ({ title: { en: nat, ja: nat }, first, second }));
const CONES: TopologyMatrix = {
  title: { en: 'cones', ja: 'cones' },
  from: cones.map(({ title, first }) => ({ title, node: first })),
  to: cones.map(({ title, second }) => ({ title, node: second })),
  impossible: [],
};

test.for([
  ['tsunagi', 'tsunagi', 'miredo'],
  ['tsunagi', 'miredo', 'tsunagi'],
  ['miredo', 'tsunagi', 'miredo'],
  ['miredo', 'miredo', 'tsunagi'],
] as const)('by a server of %s, clients of %s reach clients of %s, each behind a cone NAT', async ([server, begins, answers], ctx) => {
  if (reason !== null) ctx.skip(reason);
  const client = (pc: string): Player => (NATS.some(({ first }) => first === pc) ? begins : answers);
  const network = await TeredoNetwork.up({ server, relay: 'miredo', client });
  try {
    const contacts = await makeContacts(network, CONES);
    expect(contacts.filter((contact) => !isRight(contact))).toEqual([]);
    expect(contacts).toHaveLength(9);
  } finally {
    await network.down();
  }
});
