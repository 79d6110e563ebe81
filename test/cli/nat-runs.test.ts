/** What several runs of `nat` have in common: nothing. */
import { afterEach, expect, test } from 'vitest';
import { StunResponder } from '../stun-responder.js';
import { openSocket, StunServer } from '../stun-server.js';
import { invoke } from './invoke.js';

const close: (() => void)[] = [];
afterEach(() => {
  for (const step of close.splice(0)) step();
});

/** Addresses of this process alone, whatever else runs on this host. */
const at = (host: number) => `127.${1 + ((process.pid >>> 8) % 250)}.${process.pid & 255}.${host}`;

test('NATC-10, 17: each run asks anew, from other ports', async () => {
  const servers: string[] = [];
  for (const host of [1, 2]) {
    const server = await StunServer.up(new StunResponder([at(host), at(host + 2)], [3478, 3479], 'no-other-address'));
    close.push(() => server.close());
    servers.push('--server', at(host));
  }
  const run = async (...asked: string[]) => JSON.parse((await invoke('nat', ...asked, '--json')).out[0]);
  const [first, second] = [await run(...servers), await run(...servers)];
  expect([first, second]).toMatchObject(Array(2).fill({ server: `${at(1)}:3478`, mapping: 'endpoint-independent' }));
  expect([first.mapped, second.mapped]).toEqual([first.local, second.local]);
  expect(second.local).not.toBe(first.local);
  // One server alone does not tell, whatever was found out before.
  expect(await run(...servers.slice(0, 2))).toMatchObject({ server: `${at(1)}:3478`, mapping: null });
});

test('NATC-18: where no port is named, 3478 is asked', async () => {
  const socket = await openSocket({ address: at(9), port: 3478 }, (bind) => bind());
  close.push(() => socket.close());
  const asked = new Promise<Buffer>((resolve) => {
    socket.once('message', (request, { address, port }) => {
      // A response without attributes: enough to be no silence.
      socket.send(Uint8Array.of(1, 1, 0, 0, ...request.subarray(4, 20)), port, address);
      resolve(request);
    });
  });
  const outcome = invoke('nat', '--server', at(9), '--json');
  expect((await asked).subarray(0, 8).toString('hex')).toMatch(/^0001....2112a442$/);
  expect((await outcome).status).toBe(1);
});
