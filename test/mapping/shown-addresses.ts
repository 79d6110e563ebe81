/** Addresses of every kind that shows itself, their near neighbours, and others. */
import fc from 'fast-check';
import { octetsOf } from '../wire/octet-arrays.js';

const HEADS = ['2002', '20010000', '20010001', '2003', 'fe80000000000000', '20010db800000001', 'ff02', '0000', ''].map((text) => [
  ...Buffer.from(text, 'hex'),
]);
const IDS = ['00005efe', '02005efe', '01005efe', '00005eff', '00000000', ''].map((text) => [...Buffer.from(text, 'hex')]);

/** Sixteen octets each. */
export const shownAddresses = fc.tuple(fc.constantFrom(...HEADS), fc.constantFrom(...IDS), octetsOf(16)).map(([head, id, noise]) => {
  const b = noise.slice();
  b.set(id, 8);
  b.set(head, 0);
  return b;
});
