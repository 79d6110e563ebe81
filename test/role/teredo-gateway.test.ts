/** A Teredo client to which a gateway leads a port, octet by octet: RFC 6081 section 5.3. */
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { hex, toHex, udp6 } from '../vectors/compose.js';
import { CLIENT, PEER } from '../wire/teredo-frames.js';
import { addr, PRIMARY } from './teredo-bench.js';
import { ClientBench, type ClientSetup } from './teredo-client-bench.js';

const SERVER = `${PRIMARY}:3544`;
/** Where the peer's address says that it is, and the port by which its symmetric NAT shows it. */
const EMBEDDED = '198.51.100.118:4096';
const ELSEWHERE = '198.51.100.118:50000';
/** Each server sees another port; the gateway leads 40000, which `CLIENT` carries. */
const LED: ClientSetup = {
  origins: ['192.0.2.45:41000', '192.0.2.45:41002'],
  change: { gateway: { addr: addr('192.0.2.45'), port: 40_000 } },
};
const data = udp6({ src: CLIENT, dst: PEER }, 64);
const fromPeer = udp6({ src: PEER, dst: CLIENT }, 64);
const bubble = (trailers = '') => hex(`6000000000003bff200100004136e3782057efff39cc9b89200100004136e378000063bf3ffffdd2${trailers}`);
const indirect = (trailers: string) => Uint8Array.of(...hex('0000efff39cc9b89'), ...bubble(trailers));
const NONCE = '0104deadbeef';
const ITS_NONCE = '01040badcafe';
const SOLICITATION = '040400000000';
const ADVERTISEMENT = '040401000000';

const messages = (bench: ClientBench) => bench.take().map(({ to, payload }) => [to, payload.slice(80)]);
const releasedTo = (bench: ClientBench) => bench.released.map(({ to }) => to);

/** A client that has a packet for the peer, and has heard its nonce and its bubble. */
function met(from: string): ClientBench {
  const bench = new ClientBench(LED);
  expect([bench.address, bench.send(data)]).toEqual([CLIENT, Verdict.hold]);
  bench.receive(SERVER, indirect(ITS_NONCE));
  bench.take();
  expect(bench.receive(from, bubble(NONCE))).toBe(Verdict.consumed);
  return bench;
}

test('an echo test and a random port are of no use to it: the indirect bubble goes at once', () => {
  const bench = new ClientBench({ ...LED, ports: [40_000, 51_234, 51_235] });
  bench.send(data);
  expect(messages(bench)).toEqual([
    [EMBEDDED, ''],
    [SERVER, `03080000c0a8010a9c40${NONCE}`],
  ]);
});

describe('TRDO-EX-12: a peer that is heard elsewhere than its address says, behind a symmetric NAT as well', () => {
  test('is solicited at the embedded endpoint, and what waits goes there when it has answered', () => {
    const bench = met(ELSEWHERE);
    expect([messages(bench), bench.released]).toEqual([[[EMBEDDED, ITS_NONCE + SOLICITATION]], []]);
    expect(bench.receive(ELSEWHERE, bubble(ADVERTISEMENT))).toBe(Verdict.consumed);
    expect(releasedTo(bench)).toEqual([EMBEDDED]);
    expect([bench.send(data), bench.route(data)]).toEqual([EMBEDDED, EMBEDDED]);
    expect(bench.receive(ELSEWHERE, fromPeer)).toBe(Drop.none);
  });

  test('is at the port that it comes from for a client whose NAT is not led', () => {
    const bench = new ClientBench({ ...LED, change: {}, origins: ['192.0.2.45:40000', '192.0.2.45:41002'] });
    bench.send(data);
    bench.receive(SERVER, indirect(ITS_NONCE));
    bench.receive(ELSEWHERE, bubble(NONCE));
    expect([releasedTo(bench), bench.send(data)]).toEqual([[ELSEWHERE], ELSEWHERE]);
  });

  test('a peer on the own LAN is where it is heard', () => {
    const bench = met('192.168.1.77:40000');
    bench.take();
    bench.receive('192.168.1.77:40000', bubble(ADVERTISEMENT));
    expect(bench.send(data)).toBe('192.168.1.77:40000');
  });
});

describe('whom the gateway lets in may not hear the client', () => {
  test('a bubble is no reason to send, and after four tries what waits is given up', () => {
    const bench = met(EMBEDDED);
    for (let i = 0; i < 5; i++) {
      bench.pass(1_999);
      bench.receive(EMBEDDED, bubble());
    }
    expect(releasedTo(bench)).toEqual(['undeliverable']);
    expect(bench.send(data)).toBe(Verdict.hold);
  });

  test('an advertisement is one, and so is data', () => {
    for (const proof of [bubble(ADVERTISEMENT), fromPeer]) {
      const bench = met(EMBEDDED);
      bench.receive(EMBEDDED, proof);
      expect([toHex(proof), releasedTo(bench), bench.send(data)]).toEqual([toHex(proof), [EMBEDDED], EMBEDDED]);
    }
  });
});

describe('where the gateway is behind another NAT', () => {
  const gateway = { addr: addr('10.0.0.2'), port: 40_000 };

  test('TRDO-EX-22: indirect bubbles tell both ends, the own and that of the gateway', () => {
    const bench = new ClientBench({ change: { gateway } });
    bench.send(data);
    expect(messages(bench)[1]).toEqual([SERVER, `030e0000c0a8010a9c400a0000029c40${NONCE}`]);
  });

  test('TRDO-EX-11: what the server sees, too, is told by the address', () => {
    const bench = new ClientBench({ change: { gateway: { addr: addr('192.0.2.45'), port: 40_000 } } });
    bench.send(data);
    expect(messages(bench)[1]).toEqual([SERVER, `03080000c0a8010a9c40${NONCE}`]);
  });
});

test.each([
  ['to which a gateway leads it', LED, Verdict.consumed],
  ['without one, to which that is a stranger', {}, Drop.nonce_mismatch],
] as const)('the server may come from another port to a client %s', (_, setup, verdict) => {
  expect(new ClientBench(setup).receive(`${PRIMARY}:48280`, indirect(ITS_NONCE))).toBe(verdict);
});
