/**
 * Tells which NAT is in front of this host, over ordinary UDP sockets: no privileges are needed. The questions, and what
 * their answers mean, are those of the tests in `role/` (`NatTest`).
 */
import { randomFillSync } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '../core/clock.js';
import { NatClassifier, SOCKETS } from '../role/nat-classifier.js';
import { LIFETIME_SOCKETS, type NatLifetime, NatLifetimeTest } from '../role/nat-lifetime.js';
import { NatDatagram, type NatTest } from '../role/nat-test.js';
import type { NatVerdict } from '../role/nat-verdict.js';
import { TeredoNatTest } from '../role/teredo-nat-test.js';
import { formatIpv4, parseIpv4 } from '../wire/address.js';
import type { StunEndpoint } from '../wire/stun.js';
import { TEREDO_PORT } from '../wire/teredo.js';
import { monotonicNow } from './clock.js';
import { Exit, Failure, reasonOf } from './failure.js';

/** A STUN server as the user names it. */
export interface StunServerName {
  /** An IPv4 address or a name. */
  readonly host: string;
  readonly port: number;
}

/** A Teredo server as the user names it: an IPv4 address or a name for each of its addresses. */
export interface TeredoServerName {
  readonly primary: string;
  /** null: the address after the primary one. */
  readonly secondary: string | null;
}

/** A verdict that says what it does not know. */
interface Noted {
  readonly notes: readonly string[];
}

/** Milliseconds for a name. */
const NAME_PATIENCE = 10_000;

/** Asks STUN servers. A Failure says why nothing could be asked at all: no address for a name, no way to a server. */
export async function classifyNat(names: readonly StunServerName[]): Promise<NatVerdict> {
  const found = await Promise.all(names.map(endpointOf));
  const servers = found.filter((server, i) => found.findIndex((other) => isSame(other, server)) === i);
  return carryOut(
    servers[0],
    SOCKETS,
    ([one, other]) => new NatClassifier({ servers, locals: [one, other] }, randomFillSync, monotonicNow()),
  );
}

/** Asks a Teredo server, at both of its addresses. A Failure as in {@link classifyNat}. */
export async function classifyNatByTeredo(name: TeredoServerName): Promise<NatVerdict> {
  const primary = await addressOf(name.primary);
  const secondary = name.secondary === null ? (primary + 1) >>> 0 : await addressOf(name.secondary);
  if (primary === secondary) throw new Failure(Exit.usage, `a Teredo server has two addresses, not ${formatIpv4(primary)} twice`);
  const towards = { addr: primary, port: TEREDO_PORT };
  return carryOut(towards, 1, ([local]) => new TeredoNatTest({ primary, secondary }, local, randomFillSync, monotonicNow()));
}

/**
 * Measures how long a mapping lives without traffic, up to `longest` milliseconds. It takes that time a few times over, and
 * `onProgress` is told whenever more is known: `alive` and `gone` of {@link NatLifetimeTest}. A Failure as in {@link classifyNat}.
 */
export async function measureLifetime(
  name: StunServerName,
  longest: Millis,
  onProgress: (alive: Millis, gone: Millis) => void,
): Promise<NatLifetime> {
  const server = await endpointOf(name);
  let [alive, gone] = [0, Number.POSITIVE_INFINITY];
  const observe = (test: NatLifetimeTest): void => {
    if (test.alive === alive && test.gone === gone) return;
    alive = test.alive;
    gone = test.gone;
    onProgress(alive, gone);
  };
  return carryOut(server, LIFETIME_SOCKETS, () => new NatLifetimeTest(server, longest, randomFillSync, monotonicNow()), observe);
}

/** Carries out a test over `count` new sockets on the address that leads `towards` a server. */
async function carryOut<Verdict extends Noted, Test extends NatTest<Verdict>>(
  towards: StunEndpoint,
  count: number,
  testOf: (locals: readonly StunEndpoint[]) => Test & NatTest<Verdict>,
  observe: (test: Test) => void = () => {},
): Promise<Verdict> {
  const local = await localAddressTowards(towards);
  const sockets: Socket[] = [];
  try {
    while (sockets.length < count) sockets.push(await bound(local));
    const addr = parseIpv4(local) ?? 0;
    const test = testOf(sockets.map((socket) => ({ addr, port: socket.address().port })));
    return await converse(sockets, test, () => observe(test));
  } finally {
    for (const socket of sockets) socket.close();
  }
}

async function endpointOf({ host, port }: StunServerName): Promise<StunEndpoint> {
  return { addr: await addressOf(host), port };
}

async function addressOf(host: string): Promise<number> {
  const given = parseIpv4(host);
  if (given !== null) return given;
  const timer = new AbortController();
  const late = sleep(NAME_PATIENCE, null, { signal: timer.signal }).catch(() => null);
  try {
    const answer = await Promise.race([lookup(host, { family: 4 }), late]);
    const addr = answer === null ? null : parseIpv4(answer.address);
    if (addr === null) throw new Failure(Exit.failed, `server ${host}: no name server has answered`);
    return addr;
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

/** Carries datagrams to and fro until the test has its verdict, which it has in bounded time. */
async function converse<Verdict extends Noted>(sockets: readonly Socket[], test: NatTest<Verdict>, onStep: () => void): Promise<Verdict> {
  const datagram = new NatDatagram();
  let refusal: Error | null = null;
  let timer: NodeJS.Timeout | undefined;
  const verdict = await new Promise<Verdict>((resolve) => {
    const goOn = (): void => {
      clearTimeout(timer);
      onStep();
      while (test.pollTransmit(datagram, monotonicNow())) {
        // A copy: the socket may keep it for a while.
        const octets = datagram.b.slice(0, datagram.end);
        sockets[datagram.socket].send(octets, datagram.to.port, formatIpv4(datagram.to.addr), (error) => {
          refusal ??= error;
        });
      }
      if (test.verdict !== null) resolve(test.verdict);
      else timer = setTimeout(wake, Math.max(0, test.nextTimeout() - monotonicNow()));
    };
    const wake = (): void => {
      test.handleTimeout(monotonicNow());
      goOn();
    };
    for (const [i, socket] of sockets.entries()) {
      socket.on('message', (octets, from) => {
        const addr = parseIpv4(from.address);
        if (addr !== null && test.handleDatagram(i, octets, 0, octets.length, { addr, port: from.port }, monotonicNow())) goOn();
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
