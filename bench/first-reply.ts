/**
 * How long a Teredo client takes from exec to its first answer from the IPv6 web, ours and Miredo's by turns.
 *
 * Everything beyond the NAT is `ROUND_TRIP` away. Server and relay are Miredo's for both where there is a Miredo, so that it plays at home. An echo
 * request is repeated from before the client starts, until one is answered.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { labEnvironment } from '../src/lab/command.js';
import { inNamespace } from '../src/lab/network.js';
import { Program, type ProgramOptions } from '../src/lab/program.js';
import { startMiredoRelay, startMiredoServer, withoutMiredo } from '../test/lab/miredo.js';
import { PC, RELAY, SERVER, TeredoHome, WEB } from './teredo-home.js';

/** Milliseconds to everything beyond the NAT and back. */
const ROUND_TRIP = 100;
const ROUNDS = 5;

/** The router where the path to the PC begins, and by what it knows that. */
const ROUTER = { name: 'tokyo', fromPc: 'iif eth0', toPc: ['iif eth1 to 192.0.2.0/24', 'iif eth2 to 192.0.2.0/24'] } as const;
/** Seconds for an answer, of each of our and Miredo's rounds. */
const PATIENCE = 30;
/** Asks until there is an answer: without a route ping ends at once, and with one it asks every 50 ms. */
const ASK = `until ping -6 -n -i 0.05 -w ${PATIENCE} ${WEB.address} | grep -m 1 'bytes from'; do sleep 0.01; done`;

/** Milliseconds, a figure a round; `miredo` is empty where there is none. */
export interface FirstReplies {
  readonly roundTrip: number;
  readonly tsunagi: readonly number[];
  readonly miredo: readonly number[];
}

/** Builds the network, measures, and removes it. */
export async function measureFirstReplies(rounds: number = ROUNDS): Promise<FirstReplies> {
  const network = new FirstReplyNetwork();
  const tsunagi: number[] = [];
  const miredo: number[] = [];
  const hasMiredo = withoutMiredo() === null;
  try {
    await network.up(hasMiredo);
    for (let round = 0; round < rounds; round++) {
      tsunagi.push(await network.firstReply(network.tsunagi()));
      if (hasMiredo) miredo.push(await network.firstReply(network.miredo()));
    }
    return { roundTrip: ROUND_TRIP, tsunagi, miredo };
  } finally {
    await network.down();
  }
}

/** The network, and what is measured in it. */
class FirstReplyNetwork {
  readonly #home = new TeredoHome('first-reply');

  /** Builds it, with everything but a client. */
  async up(hasMiredo: boolean): Promise<void> {
    const home = this.#home;
    await home.build();
    home.keep(await home.start(this.#delay()));
    if (hasMiredo) {
      home.keep(await startMiredoServer(home.place(SERVER.name), SERVER));
      home.keep(await startMiredoRelay(home.place(RELAY.name), RELAY));
      return;
    }
    for (const { name } of [SERVER, RELAY]) home.keep(await home.start(home.daemon(name)));
  }

  /** Ends and removes everything. */
  async down(): Promise<void> {
    await this.#home.remove();
  }

  /** Milliseconds from the start of a client to the first answer; the client is ended again. */
  async firstReply(client: ProgramOptions): Promise<number> {
    const asking = spawn('ip', inNamespace(client.namespace, ['sh', '-c', ASK]).slice(1), {
      env: labEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 1000 * PATIENCE,
    });
    const ended = new Promise((resolve) => asking.once('close', resolve));
    const began = performance.now();
    const answered = new Promise<number>((resolve, reject) => {
      asking.stdout.once('data', () => resolve(performance.now() - began));
      asking.once('close', () => reject(new Error(`no answer to the ${client.kind} in ${PATIENCE} s`)));
    });
    const { program } = Program.start(client);
    try {
      return await answered;
    } finally {
      await ended;
      await program.stop();
    }
  }

  /** Our client on the PC. */
  tsunagi(): ProgramOptions {
    return this.#home.daemon(PC);
  }

  /** Miredo's client on the PC. */
  miredo(): ProgramOptions {
    const file = join(this.#home.folder, 'client.conf');
    writeFileSync(file, `InterfaceName teredo\nServerAddress ${SERVER.local}\n`);
    const command = ['miredo', '-f', '-c', file, '-p', join(this.#home.folder, 'client.pid')];
    return this.#program('miredo', PC, command, 'Starting...');
  }

  #delay(): ProgramOptions {
    const file = fileURLToPath(new URL('delay.ts', import.meta.url));
    const selectors = [ROUTER.fromPc, ...ROUTER.toPc];
    const command = [process.execPath, '--import', 'tsx', file, String(ROUND_TRIP / 2), ...selectors];
    return this.#program('delay', ROUTER.name, command, 'ready');
  }

  #program(kind: string, place: string, command: readonly string[], said: string): ProgramOptions {
    return {
      kind,
      place,
      namespace: this.#home.namespace(place),
      command,
      log: join(this.#home.folder, `${place}-${kind}.log`),
      isReady: (line) => line.includes(said),
    };
  }
}
