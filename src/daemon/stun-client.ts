/**
 * Tells which NAT is in front of this host, over two ordinary UDP sockets: no privileges are needed. The questions, and
 * what their answers mean, are those of `role/nat-classifier.ts`.
 */
import { randomFillSync } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NatClassifier, NatDatagram, SOCKETS } from '../role/nat-classifier.js';
import type { NatVerdict } from '../role/nat-verdict.js';
import { formatIpv4, parseIpv4 } from '../wire/address.js';
import type { StunEndpoint } from '../wire/stun.js';
import { monotonicNow } from './clock.js';
import { Exit, Failure, reasonOf } from './failure.js';

/** A server as the user names it. */
export interface StunServerName {
  /** An IPv4 address or a name. */
  readonly host: string;
  readonly port: number;
}

/** Milliseconds for a name. */
const NAME_PATIENCE = 10_000;

/** Asks the servers. A Failure says why nothing could be asked at all: no address for a name, no way to a server. */
export async function classifyNat(names: readonly StunServerName[]): Promise<NatVerdict> {
  const found = await Promise.all(names.map(addressOf));
  const servers = found.filter((server, i) => found.findIndex((other) => isSame(other, server)) === i);
  const local = await localAddressTowards(servers[0]);
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < SOCKETS; i++) sockets.push(await bound(local));
    const locals = sockets.map((socket): StunEndpoint => ({ addr: parseIpv4(local) ?? 0, port: socket.address().port }));
    return await converse(sockets, new NatClassifier({ servers, locals: [locals[0], locals[1]] }, randomFillSync, monotonicNow()));
  } finally {
    for (const socket of sockets) socket.close();
  }
}

async function addressOf({ host, port }: StunServerName): Promise<StunEndpoint> {
  const given = parseIpv4(host);
  if (given !== null) return { addr: given, port };
  const timer = new AbortController();
  const late = sleep(NAME_PATIENCE, null, { signal: timer.signal }).catch(() => null);
  try {
    const answer = await Promise.race([lookup(host, { family: 4 }), late]);
    const addr = answer === null ? null : parseIpv4(answer.address);
    if (addr === null) throw new Failure(Exit.failed, `server ${host}: no name server has answered`);
    return { addr, port };
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    throw new Failure(Exit.failed, `server ${host}: no IPv4 address is known for that name (${reasonOf(thrown)})`, { cause: thrown });
  } finally {
    timer.abort();
  }
}

/** The address that the kernel sends from to a server; nothing is sent. */
async function localAddressTowards({ addr, port }: StunEndpoint): Promise<string> {
  const to = formatIpv4(addr);
  const socket = createSocket('udp4');
  try {
    return await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, to, () => resolve((socket.address() as AddressInfo).address));
    });
  } catch (thrown) {
    throw new Failure(Exit.failed, `there is no way to ${to}: ${reasonOf(thrown)}`, { cause: thrown });
  } finally {
    socket.close();
  }
}

/** A socket on a port that the kernel chooses: one that nothing was sent from. */
async function bound(address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(new Failure(Exit.failed, `no UDP socket on ${address}: ${error.message}`, { cause: error }));
    });
    socket.bind({ address, exclusive: true }, () => resolve(socket));
  });
}

/** Carries datagrams to and fro until the classifier has its verdict, which it has in bounded time. */
async function converse(sockets: readonly Socket[], classifier: NatClassifier): Promise<NatVerdict> {
  const datagram = new NatDatagram();
  let refusal: Error | null = null;
  let timer: NodeJS.Timeout | undefined;
  const verdict = await new Promise<NatVerdict>((resolve) => {
    const goOn = (): void => {
      clearTimeout(timer);
      while (classifier.pollTransmit(datagram, monotonicNow())) {
        // A copy: the socket may keep it for a while.
        const octets = datagram.b.slice(0, datagram.end);
        sockets[datagram.socket].send(octets, datagram.to.port, formatIpv4(datagram.to.addr), (error) => {
          refusal ??= error;
        });
      }
      if (classifier.verdict !== null) resolve(classifier.verdict);
      else timer = setTimeout(wake, Math.max(0, classifier.nextTimeout() - monotonicNow()));
    };
    const wake = (): void => {
      classifier.handleTimeout(monotonicNow());
      goOn();
    };
    for (const [i, socket] of sockets.entries()) {
      socket.on('message', (octets, from) => {
        const addr = parseIpv4(from.address);
        if (addr !== null && classifier.handleDatagram(i, octets, 0, octets.length, { addr, port: from.port }, monotonicNow())) goOn();
      });
      socket.on('error', (error) => {
        refusal ??= error;
      });
    }
    goOn();
  });
  clearTimeout(timer);
  if (refusal === null) return verdict;
  return { ...verdict, notes: [...verdict.notes, `This host could not send everything: ${reasonOf(refusal)}.`] };
}

function isSame(a: StunEndpoint, b: StunEndpoint): boolean {
  return a.addr === b.addr && a.port === b.port;
}
