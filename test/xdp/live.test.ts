/** Who looks at the fast path sees what it does, and what tcpdump does not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { EXECUTABLE, FAR } from '../lab/daemon-network.js';
import { CABLES, type FastNetwork, test } from './fast-network.js';

const AUTO = `interfaces = ${JSON.stringify(CABLES)}`;
const HOST6 = '2002:c000:20a::1';

/** A line of `decode --live --json`. */
interface Seen {
  readonly fastpath: string;
  readonly layers: readonly { readonly protocol: string; readonly source?: string; readonly hopLimit?: number }[];
}

/** `decode --live` on an interface of the relay, and what it has shown. */
class Watcher {
  readonly seen: Seen[] = [];
  readonly child: ChildProcess;
  complaint = '';

  constructor(net: FastNetwork, ...args: readonly string[]) {
    const command = [`--net=${net.relay.path}`, process.execPath, EXECUTABLE, 'decode', '--json', '--live', ...args];
    this.child = spawn('nsenter', command, { stdio: ['ignore', 'pipe', 'pipe'] });
    if (this.child.stdout === null) throw new Error('no stdout');
    createInterface(this.child.stdout).on('line', (line) => this.seen.push(JSON.parse(line) as Seen));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaint += text;
    });
  }

  /** Echoes of `net` until one of them was shown. */
  async awake(net: FastNetwork): Promise<void> {
    await expect.poll(() => net.reaches() && this.echoes().length > 0, { timeout: 20_000 }).toBe(true);
  }

  echoes(): Seen[] {
    return this.seen.filter(({ layers }) => layers.some(({ source }) => source === HOST6));
  }

  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    const ended = once(this.child, 'close');
    this.child.kill(signal);
    return (await ended)[0];
  }
}

test('what is forwarded is shown as it leaves, what is passed up as it came; nobody else can look meanwhile, and somebody can afterwards', async ({
  net,
}) => {
  await net.start(AUTO);
  const watcher = new Watcher(net, 'tdmr');
  await watcher.awake(net);
  watcher.seen.length = 0;
  net.exec(net.host, `ping -6 -q -n -c 5 -i 0.05 ${FAR}`);
  // Its last hop: the kernel of the relay answers.
  expect(() => net.exec(net.host, `ping -6 -q -n -c 1 -W 1 -t 1 ${FAR}`)).toThrow();
  const carriers = (verdict: string) =>
    watcher.echoes().flatMap(({ fastpath, layers }) => (fastpath === verdict ? [layers[0].protocol] : []));
  await expect.poll(() => carriers('pass up'), { timeout: 10_000 }).toContain('ipv4');
  expect(new Set(carriers('pass up'))).toEqual(new Set(['ipv4']));
  expect(carriers('forward').length).toBeGreaterThanOrEqual(5);
  expect(new Set(carriers('forward'))).toEqual(new Set(['ipv6']));
  const other = new Watcher(net, 'tdmr');
  expect(await once(other.child, 'close')).toEqual([1, null]);
  expect(other.complaint).toContain('somebody else looks at this fast path');
  expect(await watcher.end()).toBe(0);

  const next = new Watcher(net, 'tdmr');
  await next.awake(net);
  expect(await next.end()).toBe(0);
});

test('where there is no fast path there is nothing to be seen, and it is said', async ({ net }) => {
  const watcher = new Watcher(net, 'tdmr');
  expect(await once(watcher.child, 'close')).toEqual([1, null]);
  expect(watcher.complaint).toContain('there is no fast path on tdmr');
});
