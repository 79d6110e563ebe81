/**
 * Network namespaces for tests. The test process itself steps into one and out again, so that what a
 * test opens is really there; nothing has a name outside, and all of it is gone when the process ends.
 *
 * The namespace is a property of a thread: this works on the main thread alone, which vitest's pool
 * of forked processes runs tests on, and a body must not wait for anything.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';
import { describe, test } from 'vitest';
import { must } from '../../src/linux/libc.js';

const CLONE_NEWNET = 0x40000000;
const lib = koffi.load('libc.so.6');
const unshare: (flags: number) => number = lib.func('int unshare(int flags)');
const setns: (fd: number, kind: number) => number = lib.func('int setns(int fd, int kind)');

/** One namespace with a working loopback and no IPv6 of its own: silent until someone sends. */
export class Namespace {
  /** Names it for `ip link set … netns`. */
  readonly path: string;
  readonly #fd: number;

  constructor() {
    if (!isMainThread) throw new Error('network namespaces are for the main thread');
    const home = openSync('/proc/self/ns/net', 'r');
    must(unshare(CLONE_NEWNET), 'unshare', 'CLONE_NEWNET');
    try {
      this.#fd = openSync('/proc/self/ns/net', 'r');
      this.path = `/proc/${process.pid}/fd/${this.#fd}`;
      ip('link set lo up');
      for (const which of ['all', 'default']) writeFileSync(`/proc/sys/net/ipv6/conf/${which}/disable_ipv6`, '1');
    } finally {
      must(setns(home, CLONE_NEWNET), 'setns', 'home');
      closeSync(home);
    }
  }

  /** What `body` returns when it runs inside. `body` must not be asynchronous. */
  run<T>(body: () => T): T {
    return inside(this.#fd, body);
  }

  /** Lets go of it: it is gone with the last socket that was opened in it. */
  close(): void {
    closeSync(this.#fd);
  }
}

/** What `body` returns when it runs in a namespace that `ip netns` made. `body` must not be asynchronous. */
export function inNamed<T>(name: string, body: () => T): T {
  const fd = openSync(`/run/netns/${name}`, 'r');
  try {
    return inside(fd, body);
  } finally {
    closeSync(fd);
  }
}

function inside<T>(fd: number, body: () => T): T {
  const home = openSync('/proc/self/ns/net', 'r');
  must(setns(fd, CLONE_NEWNET), 'setns', `file ${fd}`);
  try {
    return body();
  } finally {
    must(setns(home, CLONE_NEWNET), 'setns', 'home');
    closeSync(home);
  }
}

/** Why namespaces cannot be had here; null when they can. */
export function withoutNamespaces(): string | null {
  try {
    new Namespace().close();
    return null;
  } catch (error) {
    return `needs root, to make network namespaces: ${String(error)}`;
  }
}

/** A suite that needs namespaces: skipped as one, with the reason, where there are none. */
export function describeInNamespaces(name: string, suite: () => void): void {
  const reason = withoutNamespaces();
  describe(name, () => {
    if (reason === null) suite();
    else test('all of it', (context) => context.skip(reason));
  });
}

/** Runs `ip` with words that hold no spaces, and returns what it prints. */
export function ip(command: string): string {
  return execFileSync('ip', command.split(' '), { encoding: 'utf8' });
}

/** Gives an interface IPv6 and a route to `prefix`, but no address, so that it is silent; the host has but ::1. `neighbour` is on the link. */
export function routeIpv6(name: string, prefix: string, neighbour: string): void {
  ip(`link set dev ${name} addrgenmode none`);
  for (const each of ['lo', name]) writeFileSync(`/proc/sys/net/ipv6/conf/${each}/disable_ipv6`, '0');
  ip(`route add ${prefix} dev ${name}`);
  ip(`neighbour add ${neighbour} lladdr 02:00:00:00:00:01 dev ${name} nud permanent`);
}

/** Has checksums written before packets leave `name`: on a cable of the kernel's own nobody else would. */
export function completeChecksums(name: string): void {
  execFileSync('ethtool', ['-K', name, 'tx', 'off'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Waits until `name` carries packets: the kernel gets to it in its own time, and until then loses what is sent. */
function awaitUp(name: string): void {
  for (let i = 0; i < 500; i++) if (/ qdisc (?!noop ).* state UP /.test(ip(`-o link show dev ${name}`))) return;
  throw new Error(`${name} does not come up`);
}

/** Two namespaces and a cable between them: tlxa in the first, tlxb in the second, up. */
export class Cable {
  readonly a = new Namespace();
  readonly b = new Namespace();

  constructor(addressA: string, addressB: string) {
    this.a.run(() => ip(`link add tlxa type veth peer name tlxb netns ${this.b.path}`));
    for (const [namespace, name, address] of [
      [this.a, 'tlxa', addressA],
      [this.b, 'tlxb', addressB],
    ] as const) {
      namespace.run(() => {
        ip(`address add ${address} dev ${name}`);
        ip(`link set dev ${name} up`);
      });
    }
    this.a.run(() => awaitUp('tlxa'));
    this.b.run(() => awaitUp('tlxb'));
  }

  close(): void {
    this.a.close();
    this.b.close();
  }
}
