/** Asks a gateway for an outside port by PCP, RFC 6887, or by NAT-PMP, RFC 6886, where it does not know that. */
import { createSocket, type Socket } from 'node:dgram';
import { formatIpv4, isUnicast4 } from '../wire/address.js';
import {
  describeResult,
  type MappingAnswer,
  type MappingQuestion,
  PCP_MAP_LEN,
  PCP_PORT,
  PCP_SUCCESS,
  PCP_UNSUPPORTED_VERSION,
  PMP_ADDRESS_LEN,
  PMP_MAP_LEN,
  readPcpMap,
  readPmpAddress,
  readPmpMap,
  writePcpMap,
  writePmpAddress,
  writePmpMap,
} from '../wire/pcp.js';
import type { MappingGrant, MappingWish } from './gateway.js';
import { askRepeatedly } from './repeated-question.js';

/** Seconds that a mapping is asked for, RFC 6886 section 3.3. */
const LIFETIME = 7200;
/** Milliseconds that an answer is waited for, each time: a gateway is near, and a client waits. */
const WAITS = [250, 500, 1000] as const;

/** See {@link Gateway.map}. */
export async function mapByPcp(wish: MappingWish, signal: AbortSignal): Promise<MappingGrant> {
  return conversation(wish, signal, async (ask) => {
    const question = questionOf(wish, LIFETIME);
    const pcp = await ask(
      PCP_MAP_LEN,
      (b) => writePcpMap(b, question),
      (b) => readPcpMap(b, question),
    );
    if (pcp.result !== PCP_UNSUPPORTED_VERSION) return grantOf('pcp', pcp, pcp.external);
    const address = await ask(PMP_ADDRESS_LEN, writePmpAddress, readPmpAddress);
    if (address.result !== PCP_SUCCESS) throw refusal('nat-pmp', address.result);
    return grantOf(
      'nat-pmp',
      await ask(
        PMP_MAP_LEN,
        (b) => writePmpMap(b, question),
        (b) => readPmpMap(b, question),
      ),
      address.external,
    );
  });
}

/** See {@link Gateway.unmap}. */
export async function unmapByPcp(wish: MappingWish, { by, external }: MappingGrant, signal: AbortSignal): Promise<void> {
  const question = { ...questionOf(wish, 0), external: external.addr, externalPort: external.port };
  const [write, read, len] =
    by === 'pcp' ? ([writePcpMap, readPcpMap, PCP_MAP_LEN] as const) : ([writePmpMap, readPmpMap, PMP_MAP_LEN] as const);
  const { result } = await conversation(wish, signal, (ask) =>
    ask(
      len,
      (b) => write(b, question),
      (b) => read(b, question),
    ),
  );
  if (result !== PCP_SUCCESS) throw refusal(by, result);
}

function questionOf({ local, nonce }: MappingWish, lifetime: number): MappingQuestion {
  return { nonce, local: local.addr, port: local.port, external: 0, externalPort: local.port, lifetime };
}

function grantOf(by: 'pcp' | 'nat-pmp', { result, lifetime, externalPort }: MappingAnswer, addr: number | null): MappingGrant {
  if (result !== PCP_SUCCESS) throw refusal(by, result);
  if (addr === null || !isUnicast4(addr) || externalPort === 0) throw new Error(`named no outside address and port by ${NAMES[by]}`);
  return { by, external: { addr, port: externalPort }, lifetime };
}

const NAMES = { pcp: 'PCP', 'nat-pmp': 'NAT-PMP', upnp: 'UPnP' } as const;

function refusal(by: keyof typeof NAMES, result: number): Error {
  return new Error(`refuses by ${NAMES[by]}: ${describeResult(result, by === 'pcp' ? 'pcp' : 'nat-pmp')}`);
}

/** Sends `len` octets as `write` has them, until `read` knows an answer to them. */
type Ask = (len: number, write: (b: Uint8Array) => void, read: (b: Uint8Array) => MappingAnswer | null) => Promise<MappingAnswer>;

/** Speaks to the gateway alone: the kernel lets nobody else in to a connected socket, and says when nobody is there. */
async function conversation<T>({ gateway, local }: MappingWish, signal: AbortSignal, hold: (ask: Ask) => Promise<T>): Promise<T> {
  const socket = createSocket('udp4');
  const failed = new Promise<never>((_, reject) => {
    socket.on('error', (error) => reject(isRefused(error) ? new Error('does not speak PCP') : error));
  });
  failed.catch(() => {}); // it may fail when nobody waits any more
  try {
    await Promise.race([connected(socket, formatIpv4(local.addr), formatIpv4(gateway)), failed]);
    return await Promise.race([hold((...question) => exchange(socket, signal, ...question)), failed]);
  } finally {
    socket.close();
  }
}

function connected(socket: Socket, local: string, gateway: string): Promise<void> {
  return new Promise((resolve) => {
    socket.bind({ address: local, exclusive: true }, () => socket.connect(PCP_PORT, gateway, resolve));
  });
}

async function exchange(socket: Socket, signal: AbortSignal, ...[len, write, read]: Parameters<Ask>): Promise<MappingAnswer> {
  const question = new Uint8Array(len);
  write(question);
  let hear: (b: Uint8Array) => void = () => {};
  const answered = new Promise<MappingAnswer>((resolve) => {
    hear = (b) => {
      const answer = read(b);
      if (answer !== null) resolve(answer);
    };
  });
  socket.on('message', hear);
  try {
    const answer = await askRepeatedly(() => socket.send(question), answered, WAITS, signal);
    if (answer === null) throw new Error('does not answer by PCP');
    return answer;
  } finally {
    socket.off('message', hear);
  }
}

function isRefused(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNREFUSED';
}
