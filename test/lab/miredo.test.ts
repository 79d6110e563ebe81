/** Miredo alone in the network `teredo`: what the pairings with it stand on. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withoutLabs } from './command-line.js';
import { withoutMiredo } from './miredo.js';
import { HOMES, TeredoNetwork } from './teredo-network.js';

const reason = withoutLabs() ?? withoutMiredo();
const homes = Object.entries(HOMES);
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
  test.each(homes)('the PC at %s, behind a %s NAT, reaches the web', async (home) => {
    expect(await network.ping(home, 'web')).toMatchObject({ received: 3 });
  });

  test.each(homes)('the web reaches the PC at %s, behind a %s NAT', async (home) => {
    expect(await network.ping('web', home)).toMatchObject({ received: 3 });
  });
});
