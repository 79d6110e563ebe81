import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import { MAX_ANSWERS, NeighborAnswers } from '../../src/role/neighbor-answers.js';
import { toHex } from '../vectors/compose.js';
import { global, HOST, ip, isatap, neighborAdvertisement, neighborSolicitation, SITE } from './isatap-campus.js';

test('each is answered in turn, at its endpoint; when too many wait one more is refused, and there is room again after', () => {
  const answers = new NeighborAnswers(false);
  const [out] = makeBatch(1, HEADROOM + 200);
  const ep = new Endpoint();
  const asker = (i: number) => isatap(SITE, `10.0.${i >>> 8}.${i & 255}`);
  const ask = (i: number) => {
    ep.addr = ip('10.0.0.0') + i;
    return answers.take(neighborSolicitation(asker(i), global(HOST)), 0, ep);
  };
  const next = () => {
    out.b.fill(0xa5);
    return answers.poll(out) ? [out.remote.addr - ip('10.0.0.0'), toHex(out.b.subarray(out.off, out.end))] : null;
  };
  const answered = (i: number) => [i, toHex(neighborAdvertisement(global(HOST), asker(i)))];

  for (const first of [0, 1000]) {
    for (let i = 0; i < MAX_ANSWERS; i++) expect(ask(first + i)).toBe(true);
    expect(ask(9999)).toBe(false);
    expect(next()).toEqual(answered(first));
    expect(ask(first + MAX_ANSWERS)).toBe(true);
    for (let i = 1; i <= MAX_ANSWERS; i++) expect(next()).toEqual(answered(first + i));
    expect(next()).toBe(null);
  }
});
