/** A Teredo relay with the program on both of its interfaces, between the stack of a machine beyond and a client. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Status } from '../../src/daemon/status.js';
import { FAR, RELAY } from '../lab/daemon-network.js';
import { echoRequest, toHex } from '../vectors/compose.js';
import { CABLES, test } from './fast-network.js';

const ECHOES = 50;
/** A client at 192.0.2.10, port 40000, as its address says. */
const CLIENT = '2001:0:cb00:7102:1234:63bf:3fff:fdf5';
/** What it is: it sends one echo request after the other, each when the one before is answered, and says how many were. */
const PROGRAM = `
import { createSocket } from 'node:dgram';
const [, , relay, request] = process.argv;
const socket = createSocket('udp4');
let answers = 0;
const ask = () => socket.send(Buffer.from(request, 'hex'), 3545, relay);
const timer = setInterval(ask, 500); // in case that one is lost before there are neighbours
socket.on('message', (octets) => {
  if (octets[40] !== 129) return;
  answers++;
  timer.refresh();
  if (answers < ${ECHOES}) return ask();
  clearInterval(timer);
  console.log(answers);
  socket.close();
});
socket.bind(40000, ask);
`;

test('carries what a trusted client sends, and what is sent to it', async ({ net }) => {
  const tunnel = `[[tunnel]]\nname = "relay"\ntype = "teredo"\nrole = "relay"\nlocal = "${RELAY}"`;
  const config = net.relayConfig(`interfaces = ${JSON.stringify(CABLES)}`, tunnel);
  const relay = await net.service(net.relay, config);
  expect(await relay.line('fast path')).toMatchObject({ mode: 'native', offloaded: ['relay'] });
  const file = net.file('client.mjs');
  writeFileSync(file, PROGRAM);
  const request = toHex(echoRequest({ src: CLIENT, dst: FAR }));
  const client = spawn('nsenter', [`--net=${net.host.path}`, process.execPath, file, RELAY, request], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [answers] = await once(client.stdout, 'data');
  expect(Number(answers)).toBe(ECHOES);
  const [{ encapsulated, decapsulated, fastpath }] = (net.ask(config, 'status') as Status).tunnels;
  if (fastpath?.offloaded !== true) throw new Error(JSON.stringify(fastpath));
  expect([encapsulated.packets >= ECHOES, decapsulated.packets >= ECHOES]).toEqual([true, true]);
  // The role had the first ones: it has to trust the client, and the kernel to find neighbours.
  expect(fastpath.encapsulated.packets).toBeGreaterThan(ECHOES / 2);
  expect(fastpath.decapsulated.packets).toBeGreaterThan(ECHOES / 2);
});
