/** First contacts: who reaches whom through the NATs between them, and how long it takes until they have been introduced. */
import type { TopologyMatrix, Words } from '../topology/topology.js';
import type { Network } from './check.js';
import { addressesIn } from './node-addresses.js';
import { ping } from './ping.js';
import type { ScreenOptions } from './screen.js';
import { alignColumns, paint } from './table.js';

/** Seconds until an introduction has succeeded or has been given up: bubbles go out at 0, 2, 4 and 6 s, RFC 4380 section 5.2.4. */
const PATIENCE = 12;

/** One node's first word to another. */
export interface Contact {
  readonly from: string;
  readonly to: string;
  /** Whether it is to be answered. */
  readonly isPossible: boolean;
  /** From the first echo to its answer; null: there was none. */
  readonly milliseconds: number | null;
  /** What was said instead of an answer. */
  readonly complaints: readonly string[];
}

/** Whether a contact ended as it has to. */
export function isRight({ isPossible, milliseconds }: Contact): boolean {
  return isPossible === (milliseconds !== null);
}

/** Makes the contacts of a matrix, in its order. Those that can succeed come one after the other, so that times are their own. */
export async function makeContacts(lab: Network, { from, to, impossible }: TopologyMatrix): Promise<Contact[]> {
  const isPossible = (a: string, b: string): boolean => !impossible.some(([one, other]) => one === a && other === b);
  const pairs = from.flatMap((a) => to.map((b) => ({ from: a.node, to: b.node, isPossible: isPossible(a.node, b.node) })));
  const hopeless = Promise.all(pairs.filter((pair) => !pair.isPossible).map((pair) => makeContact(lab, pair)));
  hopeless.catch(() => {}); // awaited below, after the others
  const made: Contact[] = [];
  for (const pair of pairs.filter((pair) => pair.isPossible)) made.push(await makeContact(lab, pair));
  made.push(...(await hopeless));
  return pairs.flatMap((pair) => made.filter((contact) => contact.from === pair.from && contact.to === pair.to));
}

async function makeContact(lab: Network, pair: Pick<Contact, 'from' | 'to' | 'isPossible'>): Promise<Contact> {
  const [address] = await addressesIn(lab.namespaceOf(pair.to));
  if (address === undefined) return { ...pair, milliseconds: null, complaints: [`${pair.to} has no IPv6 address`] };
  const { times, complaints } = await ping(lab.namespaceOf(pair.from), address, { count: 1, patience: PATIENCE });
  return { ...pair, milliseconds: times.at(0) ?? null, complaints };
}

/** The matrix as a table, and what it comes to. */
export function matrixLines(
  matrix: TopologyMatrix,
  contacts: readonly Contact[],
  { language, colours }: Pick<ScreenOptions, 'language' | 'colours'>,
): string[] {
  const rows = matrix.from.map(({ node, title }) => [
    title[language],
    ...matrix.to.map((end) => {
      const contact = contacts.find((each) => each.from === node && each.to === end.node);
      return contact === undefined ? '' : cell(contact, colours);
    }),
  ]);
  const headings = ['', ...matrix.to.map(({ title }) => paint(colours, 'bold', title[language]))];
  return [matrix.title[language], ...alignColumns([headings, ...rows]), sum(contacts, colours)[language]];
}

function cell(contact: Contact, colours: boolean): string {
  const { milliseconds } = contact;
  const time = milliseconds === null ? '-' : milliseconds.toFixed(1);
  if (!isRight(contact)) return paint(colours, 'red', `✗ ${time}`);
  return milliseconds === null ? paint(colours, 'dim', time) : time;
}

/** How many meet, and why some cannot, RFC 6081 section 3. */
function sum(contacts: readonly Contact[], colours: boolean): Words {
  const count = contacts.length;
  const met = contacts.filter(({ milliseconds }) => milliseconds !== null).length;
  const cannot = contacts.filter(({ isPossible }) => !isPossible).length;
  const mark = contacts.every(isRight) ? paint(colours, 'green', '✓') : paint(colours, 'red', '✗');
  return {
    en: `${mark} ${met}/${count} meet; ${cannot} cannot: one NAT has a port for each peer, the other lets in only the one it knows`,
    ja: `${mark} ${met}/${count} 組が接続。${cannot} 組は不可能: 一方の NAT は相手ごとにポートを変え、他方は決まったポートからしか受け付けない`,
  };
}

/** Data of contacts; keys are stable. */
export function contactData(contacts: readonly Contact[]): object[] {
  return contacts.map((contact) => ({
    from: contact.from,
    to: contact.to,
    possible: contact.isPossible,
    firstReplyMilliseconds: contact.milliseconds,
    complaints: contact.complaints,
    works: isRight(contact),
  }));
}
