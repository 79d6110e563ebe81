/**
 * Word that something about the host's network changed, from `ip monitor`. What changed is not read
 * from it: the one who is told reads the facts anew.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Changes within so many milliseconds are one: an interface that comes up is a dozen lines. */
const SETTLE = 100;
/** First and longest wait before `ip monitor` is started again, milliseconds. */
const BACK_OFF = { first: 1_000, longest: 60_000 } as const;

/** setpriv ends the child with us, however we end. */
const COMMAND = ['setpriv', '--pdeathsig', 'KILL', 'ip', '-oneline', 'monitor', 'address', 'link', 'route'] as const;

/** `3: eth0    inet 192.0.2.1/24 …`, `Deleted 3: eth0@if2: …`: a link or an address of the interface named. */
const INTERFACE = /^(?:Deleted )?\d+: ([^\s:@]+)/;
/** `9: tun6to4: <POINTOPOINT,NOARP> …`: the flags of a link. */
const LINK = /^\d+: [^\s:@]+(?:@[^\s:]+)?: <([A-Z0-9_,-]*)>/;
/** `default via 192.0.2.1 dev eth0 …`. Of all routes only this kind is a fact. */
const DEFAULT_ROUTE = /^(?:Deleted )?default .*\bdev (\S+)/;

/** What a monitor tells, and asks. */
export interface MonitorListener {
  /** The TUN devices whose changes are our own doing, but for their being taken down. */
  readonly ownDevices: () => ReadonlySet<string>;
  /** Addresses, links or default routes changed, or may have: it is told so once at the start, too. */
  readonly changed: () => void;
  /** `ip monitor` ended and is started again in `retryMs` milliseconds. */
  readonly failed: (reason: string, retryMs: number) => void;
}

/** One `ip monitor`, from its construction to `stop`. */
export class Monitor {
  readonly #listener: MonitorListener;
  #child: ChildProcess | null = null;
  #settle: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #backOff: number = BACK_OFF.first;
  #stopped = false;

  constructor(listener: MonitorListener) {
    this.#listener = listener;
    this.#start();
  }

  /** Ends it: `changed` is not called any more. */
  stop(): void {
    this.#stopped = true;
    this.#child?.kill('SIGKILL');
    clearTimeout(this.#settle ?? undefined);
    clearTimeout(this.#retry ?? undefined);
  }

  #start(): void {
    const [program, ...args] = COMMAND;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child = child;
    createInterface(child.stdout).on('line', (line) => {
      this.#backOff = BACK_OFF.first;
      if (concerns(line, this.#listener.ownDevices())) this.#changed();
    });
    this.#changed(); // what happened before it listens, nobody saw
    child.once('error', (error) => this.#ended(error.message));
    child.once('exit', (status, signal) => this.#ended(`ended by ${signal ?? `status ${status}`}`));
  }

  #changed(): void {
    this.#settle ??= setTimeout(() => {
      this.#settle = null;
      this.#listener.changed();
    }, SETTLE);
  }

  #ended(reason: string): void {
    if (this.#stopped || this.#retry !== null) return;
    const wait = this.#backOff;
    this.#backOff = Math.min(2 * wait, BACK_OFF.longest);
    this.#listener.failed(reason, wait);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#start();
    }, wait);
  }
}

/** True when a line of `ip -oneline monitor` is about a fact of the host, or says that a device of our own is down. */
export function concerns(line: string, ownDevices: ReadonlySet<string>): boolean {
  const device = (INTERFACE.exec(line) ?? DEFAULT_ROUTE.exec(line))?.[1];
  if (device === undefined) return false;
  if (!ownDevices.has(device)) return true;
  const flags = LINK.exec(line)?.[1];
  return flags !== undefined && !flags.split(',').includes('UP');
}
