/**
 * A site's name server: the real dnsmasq on the loopback of a namespace, and a `resolv.conf` that leads to it. A
 * program that is run by `enter` sees both.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Namespace } from '../linux/namespace.js';

const ASK = fileURLToPath(new URL('ask-name.ts', import.meta.url));
/** Milliseconds for all questions of one run. */
const PATIENCE = 30_000;

/** What a question came to. */
export interface Asked {
  readonly addresses?: readonly string[];
  readonly ttl?: number;
  readonly failed?: string;
  readonly milliseconds: number;
}

/** A namespace in which names are served, once `serve` has been called. */
export class NameService {
  readonly #namespace: Namespace;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tsunagi-names-'));
  readonly #resolvConf = join(this.#folder, 'resolv.conf');
  #server: ChildProcess | null = null;

  constructor(namespace: Namespace, search: string) {
    this.#namespace = namespace;
    writeFileSync(this.#resolvConf, `nameserver 127.0.0.1\nsearch ${search}\n`);
  }

  /** The words before a command that is to run inside. */
  get enter(): readonly string[] {
    const bind = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    return ['unshare', '--mount', 'sh', '-c', bind, this.#resolvConf];
  }

  /** Starts a server, instead of the one before; `options` are those of dnsmasq. */
  async serve(options: readonly string[]): Promise<void> {
    const fixed = ['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--local=/test/', '--user=root', '--pid-file='];
    await this.#start('dnsmasq', [...fixed, '--listen-address=127.0.0.1', '--bind-interfaces', ...options], /started/);
  }

  /** Starts a server that takes questions, and answers `answers` milliseconds later; never, when that is Infinity. */
  async delay(answers: number): Promise<void> {
    const program = `
      const socket = require('node:dgram').createSocket('udp4');
      socket.on('message', (question, from) => {
        if (${answers} === Infinity) return;
        const answer = Buffer.concat([question.subarray(0, question.indexOf(0, 12) + 5),
          Buffer.from('c00c00010001000000000004c0000201', 'hex')]);
        answer.writeUInt16BE(0x8580, 2);
        answer.writeUInt16BE(1, 6);
        answer.fill(0, 8, 12);
        setTimeout(() => socket.send(answer, from.port, from.address), ${answers});
      });
      socket.bind(53, '127.0.0.1', () => console.error('started'));`;
    await this.#start(process.execPath, ['-e', program], /started/);
  }

  /** Asks for names, one after the other, as the service does. */
  async ask(...names: readonly string[]): Promise<Asked[]> {
    const [program, ...args] = [
      'nsenter',
      `--net=${this.#namespace.path}`,
      ...this.enter,
      process.execPath,
      '--import',
      'tsx',
      ASK,
      ...names,
    ];
    const { stdout } = await promisify(execFile)(program, args, { timeout: PATIENCE });
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Asked);
  }

  async close(): Promise<void> {
    await this.#stop();
    rmSync(this.#folder, { recursive: true });
  }

  async #start(program: string, args: readonly string[], ready: RegExp): Promise<void> {
    await this.#stop();
    const server = spawn('nsenter', [`--net=${this.#namespace.path}`, program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#server = server;
    const said: string[] = [];
    for await (const line of createInterface(server.stderr)) {
      said.push(line);
      if (ready.test(line)) return void server.stderr.resume();
    }
    throw new Error(`${program} ended:\n${said.join('\n')}`);
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    const ended = new Promise((resolve) => server.once('close', resolve));
    this.#server = null;
    if (server.exitCode === null && server.signalCode === null && server.kill('SIGKILL')) await ended;
  }
}
