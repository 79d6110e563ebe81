/** Miredo alone in the network `teredo`: what the pairings with it stand on. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withoutLabs } from './command-line.js';
import { withoutMiredo } from './miredo.js';
import { NATS, TeredoNetwork } from './teredo-network.js';

const reason = withoutLabs() ?? withoutMiredo();
let network: TeredoNetwork;

beforeAll(async () => {
  if (reason === null) network = await TeredoNetwork.up({ server: 'miredo', relay: 'miredo', client: () => 'miredo' });
});
beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
});
afterAll(async () => {
  await network?.down();
});

describe('server, relay and client of Miredo', () => {
  test.each(NATS)('a PC behind a $nat NAT reaches the web', async ({ first }) => {
    expect(await network.ping(first, 'web')).toMatchObject({ received: 3 });
  });

  test.each(NATS)('the web reaches a PC behind a $nat NAT', async ({ second }) => {
    expect(await network.ping('web', second)).toMatchObject({ received: 3 });
  });
});
