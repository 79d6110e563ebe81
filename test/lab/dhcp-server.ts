/** A provider's DHCPv4 server: the real dnsmasq, in a namespace of a test's network. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Namespace } from '../linux/namespace.js';

/** Milliseconds that a line of its log may take. */
const PATIENCE = 15_000;

/** Why there is no server to be had; null when there is one. */
export function withoutDnsmasq(): string | null {
  return spawnSync('dnsmasq', ['--version']).error === undefined ? null : 'needs dnsmasq (Debian package dnsmasq-base)';
}

/** One run of dnsmasq on the interface `device`. */
export class DhcpServer {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #log: string[] = [];
  #wake: () => void = () => {};

  /** `options` are those of dnsmasq, beside what keeps it from everything but leases. */
  constructor(namespace: Namespace, device: string, leaseFile: string, options: readonly string[]) {
    const fixed = ['--no-daemon', '--conf-file=/dev/null', '--port=0', '--user=root', '--pid-file=', '--log-dhcp', '--no-ping'];
    const own = [`--interface=${device}`, '--bind-interfaces', '--dhcp-authoritative', `--dhcp-leasefile=${leaseFile}`];
    this.#child = spawn('nsenter', [`--net=${namespace.path}`, 'dnsmasq', ...fixed, ...own, ...options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (this.#child.stderr === null) throw new Error('no stderr');
    createInterface(this.#child.stderr).on('line', (line) => {
      this.#log.push(line);
      this.#wake();
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  /** Waits for a line of its log, and returns it. */
  async line(pattern: RegExp): Promise<string> {
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const found = this.#log.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null || performance.now() > deadline) throw new Error(`no ${pattern} in:\n${this.#log.join('\n')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
