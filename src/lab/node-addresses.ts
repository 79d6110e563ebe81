/** The IPv6 addresses that nodes have at this moment: given by the topology, by a daemon, or by router advertisements. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Exit, Failure } from '../daemon/failure.js';
import { must } from './command.js';

/** What `ip -json address` prints, as far as it is read here. */
interface PrintedInterface {
  readonly ifname?: string;
  readonly addr_info?: readonly {
    readonly local?: string;
    readonly tentative?: boolean;
    readonly deprecated?: boolean;
  }[];
}

/** Milliseconds between two looks. */
const LOOK = 50;
/** Milliseconds for a router to advertise, and for a node to listen. */
const PATIENCE = 15_000;

/** Global IPv6 addresses of a namespace that can be used, in the order of its interfaces; deprecated ones last. */
export async function addressesIn(namespace: string): Promise<string[]> {
  const text = await must(['ip', '-json', '-6', '-netns', namespace, 'address', 'show', 'scope', 'global']);
  const printed = JSON.parse(text === '' ? '[]' : text) as readonly PrintedInterface[];
  const usable = printed
    .flatMap(({ addr_info = [] }) => addr_info)
    .filter(({ local, tentative }) => local !== undefined && tentative !== true);
  return usable.sort((a, b) => Number(a.deprecated ?? false) - Number(b.deprecated ?? false)).map(({ local = '' }) => local);
}

/** The first global IPv6 address of a node, waited for. A Failure when it gets none. */
export async function awaitAddress(namespace: string, node: string): Promise<string> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const [first] = await addressesIn(namespace);
    if (first !== undefined) return first;
    if (performance.now() > deadline)
      throw new Failure(Exit.failed, `node "${node}" has no global IPv6 address after ${PATIENCE / 1000} s`);
    await sleep(LOOK);
  }
}
