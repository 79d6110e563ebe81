/** Gateways that speak NAT-PMP or PCP, or do not, on an address of the loopback interface. MiniUPnPd is in test/lab/port-mapping.test.ts. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import type { MappingGrant, MappingWish } from '../../src/daemon/gateway.js';
import { mapByPcp, unmapByPcp } from '../../src/daemon/pcp-client.js';
import { parseIpv4 } from '../../src/wire/address.js';

const GATEWAY = '127.0.0.79';
const STRANGER = '127.0.0.80';
const EXTERNAL = { addr: 0xc000020b, port: 50_001 };
const WISH: MappingWish = {
  gateway: parseIpv4(GATEWAY) ?? 0,
  local: { addr: 0x7f000001, port: 40_000 },
  nonce: Uint8Array.from({ length: 12 }, (_, i) => i),
};
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** RFC 6886 sections 3.2, 3.3 and 3.5: an answer to whatever it understands, and to PCP that it does not. */
const natPmp =
  (lifetime: string) =>
  (question: Buffer): Buffer | null => {
    if (question[0] !== 0) return hex('00 81 0001 00000001');
    if (question[1] === 0) return hex('00 80 0000 00000001 c000020b');
    return Buffer.concat([hex('00 81 0000 00000001 9c40 c351'), hex(lifetime)]);
  };
/** RFC 6887 sections 7.2 and 11.1: the answer to a question, with this result. */
const pcp =
  (result: number, lifetime = '00000e10') =>
  (question: Buffer): Buffer | null => {
    const head = hex(`02 81 00 ${result.toString(16).padStart(2, '0')} ${lifetime} 00000001 000000000000000000000000`);
    return Buffer.concat([head, question.subarray(24, 42), hex('c351 00000000000000000000ffff c000020b')]);
  };

const FOREVER = new AbortController().signal;

const open: Socket[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** A gateway: what it hears, each question with what it is answered, if it is. */
async function gatewayThat(answer: (question: Buffer, count: number) => Buffer | null, from = GATEWAY): Promise<Buffer[]> {
  const heard: Buffer[] = [];
  const socket = createSocket('udp4');
  const voice = from === GATEWAY ? socket : createSocket('udp4');
  open.push(socket, ...(voice === socket ? [] : [voice]));
  socket.on('message', (question, { address, port }) => {
    heard.push(question);
    const said = answer(question, heard.length);
    if (said !== null) voice.send(said, port, address);
  });
  socket.bind(5351, GATEWAY);
  if (voice !== socket) voice.bind(5351, from);
  await Promise.all(open.map((one) => once(one, 'listening')));
  return heard;
}

const reason = (mapping: Promise<MappingGrant>): Promise<string> =>
  mapping.then(
    () => expect.fail('mapped'),
    (error: Error) => error.message,
  );

test('PCP: one question, one answer', async () => {
  const heard = await gatewayThat(pcp(0));
  expect(await mapByPcp(WISH, FOREVER)).toEqual({ by: 'pcp', external: EXTERNAL, lifetime: 3600 });
  expect(heard.map((question) => question.toString('hex'))).toEqual([
    `02010000 00001c20 00000000000000000000ffff7f000001 000102030405060708090a0b 11000000 9c409c40 00000000000000000000ffff00000000`.replaceAll(
      ' ',
      '',
    ),
  ]);
});

test('NAT-PMP, where the gateway knows nothing else: its address outside, and then the port', async () => {
  const heard = await gatewayThat(natPmp('00000e10'));
  expect(await mapByPcp(WISH, FOREVER)).toEqual({ by: 'nat-pmp', external: EXTERNAL, lifetime: 3600 });
  expect(heard.slice(1).map((question) => question.toString('hex'))).toEqual(['0000', '000100009c409c4000001c20']);
});

test('a question that is lost is asked again', async () => {
  const heard = await gatewayThat((question, count) => (count === 3 ? pcp(0)(question) : null));
  expect((await mapByPcp(WISH, FOREVER)).external).toEqual(EXTERNAL);
  expect(new Set(heard.map((question) => question.toString('hex'))).size).toBe(1);
});

test.each([
  ['refuses', pcp(2), 'refuses by PCP: not authorized'],
  ['sees another address than the client has', pcp(12), 'refuses by PCP: address mismatch'],
  ['is silent', () => null, 'does not answer by PCP'],
  ['answers somebody else', (question: Buffer) => pcp(0)(Buffer.from(question).fill(7, 24, 36)), 'does not answer by PCP'],
  ['says one octet', () => hex('02'), 'does not answer by PCP'],
  ['says nothing', () => Buffer.alloc(0), 'does not answer by PCP'],
  ['has no address outside', (question: Buffer) => pcp(0)(question)?.fill(0, 56) ?? null, 'named no outside address and port by PCP'],
  ['has port 0 outside', (question: Buffer) => pcp(0)(question)?.fill(0, 42, 44) ?? null, 'named no outside address and port by PCP'],
])('a gateway that %s', async (_, answer, expected) => {
  await gatewayThat(answer);
  expect(await reason(mapByPcp(WISH, FOREVER))).toBe(expected);
});

test('nobody there is known at once', async () => {
  const began = performance.now();
  expect(await reason(mapByPcp(WISH, FOREVER))).toBe('does not speak PCP');
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('a stranger who answers is not heard', async () => {
  const heard = await gatewayThat(pcp(0), STRANGER);
  expect(await reason(mapByPcp(WISH, FOREVER))).toBe('does not answer by PCP');
  expect(heard).toHaveLength(3);
});

test.each([
  ['pcp', pcp(0, '00000000'), '02010000 00000000', 'PCP'],
  ['nat-pmp', natPmp('00000000'), '00010000 9c400000 00000000', 'NAT-PMP'],
] as const)('a mapping by %s is given back by a lifetime of 0', async (by, answer, question, _name) => {
  const heard = await gatewayThat(answer);
  await unmapByPcp(WISH, { by, external: EXTERNAL, lifetime: 3600 }, FOREVER);
  expect(heard.map((each) => each.toString('hex'))).toEqual([expect.stringMatching(`^${question.replaceAll(' ', '')}`)]);
});

test('a question ends when the service does, and one that cannot be asked at once', async () => {
  await gatewayThat(() => null);
  const end = new AbortController();
  const asked = reason(mapByPcp(WISH, end.signal));
  end.abort();
  expect(await asked).toContain('aborted');
  expect(await reason(mapByPcp({ ...WISH, local: { addr: 0xc6336401, port: 40_000 } }, FOREVER))).toContain('EADDRNOTAVAIL');
});
