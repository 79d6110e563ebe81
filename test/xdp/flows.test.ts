/** Clients of Teredo that a relay trusts: where packets go, how long that holds, and what is left to the role. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { monotonicNow } from '../../src/daemon/clock.js';
import { duplicate, must } from '../../src/linux/libc.js';
import { FlowTable } from '../../src/xdp/flow-table.js';
import { FLOW_SILENCE } from '../../src/xdp/layout.js';
import { address, datagram, filler, join, toHex, udp6 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';
import { describeWithPrograms, FastNode } from './fast-node.js';

const RELAY =
  '[[tunnel]]\ntype = "teredo"\nrole = "relay"\nlocal = "198.51.100.7"\n[policy]\nallow-ipv4 = ["198.51.100.0/24", "203.0.113.0/24"]';
const HERE = '198.51.100.7:3545';
/** Behind 203.0.113.5, port 40000; in fact another port leads there: its NAT is symmetric. */
const CLIENT = '2001:0:cb00:7102:1234:63bf:34ff:8efa';
const THERE = '203.0.113.5:40001';
const WEB = '2a00:1450::80';
const SECOND = 1_000_000_000n;

describeWithPrograms('flows', () => {
  let node: FastNode;
  beforeAll(() => {
    node = new FastNode();
    node.configure(nodeOf(RELAY));
  });
  afterAll(() => node.close());

  /** The client was heard so many seconds ago. */
  function heard(secondsAgo: number): void {
    const at = process.hrtime.bigint() - BigInt(Math.round(secondsAgo * 1000)) * 1_000_000n;
    node.tables.setFlow({ slot: 0, address: address(CLIENT), endpoint: 0xcb007105, port: 40_001, heard: at, sent: 0n });
  }

  function shown(from: 'v4' | 'v6', octets: Uint8Array): readonly [packet: string | null, reasons: string[]] {
    const before = node.tables.passed();
    const out = node.inside(() => node.forward(from, octets));
    return [out === null ? null : toHex(out), [...node.passedSince(before).keys()]];
  }
  const reply = udp6({ src: WEB, dst: CLIENT });
  const said = udp6({ src: CLIENT, dst: WEB });

  test('who is not known is left to the role', () => {
    expect(shown('v6', reply)).toEqual([null, ['no_flow']]);
    expect(shown('v4', datagram(THERE, HERE, said))).toEqual([null, ['no_flow']]);
  });

  test('a client is where its flow says, and not where its address does', () => {
    heard(1);
    const onward = udp6({ src: WEB, dst: CLIENT, hopLimit: 63 });
    const [out] = shown('v6', reply);
    const identification = Number.parseInt(out?.slice(8, 12) ?? '', 16);
    expect(out).toBe(toHex(datagram(HERE, THERE, onward, { identification })));
    expect(shown('v4', datagram(THERE, HERE, said))).toEqual([toHex(udp6({ src: CLIENT, dst: WEB, hopLimit: 63 })), []]);
    expect(shown('v4', datagram('203.0.113.5:40000', HERE, said))).toEqual([null, ['endpoint']]);
    expect(shown('v4', datagram('203.0.113.6:40001', HERE, said))).toEqual([null, ['endpoint']]);
    expect(shown('v4', datagram(THERE, '198.51.100.7:3544', said))).toEqual([null, ['other_addresses']]);
  });

  test('a checksum that comes out as 0 is sent as 0xffff', () => {
    heard(1);
    const sumOf = (flowLabel: number) =>
      toHex(datagram(HERE, THERE, udp6({ src: WEB, dst: CLIENT, hopLimit: 63, flowLabel }))).slice(52, 56);
    // What the checksum of UDP is without a flow label brings it to 0 as a flow label.
    const flowLabel = Number.parseInt(sumOf(0), 16);
    expect(sumOf(flowLabel)).toBe('ffff');
    expect(shown('v6', udp6({ src: WEB, dst: CLIENT, flowLabel }))[0]?.slice(52, 56)).toBe('ffff');
  });

  test('a flow ends thirty seconds after its client was last heard, whatever is sent to it; what comes from it keeps it', () => {
    heard(FLOW_SILENCE);
    expect(shown('v6', reply)).toEqual([null, ['no_flow']]);
    expect(shown('v4', datagram(THERE, HERE, said))).toEqual([null, ['no_flow']]);
    heard(FLOW_SILENCE - 5);
    const before = node.tables.flow(0, address(CLIENT));
    const began = process.hrtime.bigint();
    expect(shown('v6', reply)[1]).toEqual([]);
    const sent = node.tables.flow(0, address(CLIENT));
    expect([sent?.heard, (sent?.sent ?? 0n) >= began]).toEqual([before?.heard, true]);
    expect(shown('v4', datagram(THERE, HERE, said))[1]).toEqual([]);
    const now = process.hrtime.bigint();
    const last = node.tables.flow(0, address(CLIENT))?.heard ?? 0n;
    expect([last >= began, last <= now, now - last < SECOND]).toEqual([true, true, true]);
  });

  test('trailers, headers of servers, and what the headers do not explain are for the role', () => {
    heard(1);
    expect(shown('v4', datagram(THERE, HERE, join(said, Uint8Array.of(4, 4, 1, 2, 3, 4))))).toEqual([null, ['outer_header']]);
    const origin = join(Uint8Array.of(0, 0, ...filler(6)), said);
    expect(shown('v4', datagram(THERE, HERE, origin))[0]).toBeNull();
    expect(shown('v4', datagram(THERE, HERE, said, { checksum: 0x1234 }))).toEqual([null, ['outer_header']]);
    expect(shown('v4', datagram(THERE, HERE, said, { checksum: 0 }))[1]).toEqual([]);
    const unsealed = Uint8Array.from(reply);
    unsealed.set([0, 0], 46);
    expect(shown('v6', unsealed)).toEqual([null, ['inner_header']]);
  });

  test('what a packet thread keeps is what the program reads, and back', () => {
    const table = new FlowTable();
    const flows = table.of(0);
    const others = table.of(1);
    const octets = Uint8Array.of(0xa5, ...address(CLIENT), 0xa5);
    const at = new Endpoint();
    at.addr = 0xcb007105;
    at.port = 40_001;
    flows.open(octets, 1, at, monotonicNow()); // there is no map yet
    expect(flows.heard(octets, 1)).toBe(Number.NEGATIVE_INFINITY);
    table.become(must(duplicate(node.tables.flowsFd), 'fcntl', 'flows'));
    const now = monotonicNow() - 10_000;
    flows.open(octets, 1, at, now);
    others.open(octets, 1, at, now);
    const flow = node.tables.flow(0, address(CLIENT));
    expect([flow?.endpoint, flow?.port, flow?.sent]).toEqual([0xcb007105, 40_001, 0n]);
    expect(Math.abs(Number(flow?.heard ?? 0n) / 1e6 - now)).toBeLessThan(0.01);
    expect(shown('v6', reply)[1]).toEqual([]);
    expect(Math.abs(flows.heard(octets, 1) - now)).toBeLessThan(0.01);
    expect(shown('v4', datagram(THERE, HERE, said))[1]).toEqual([]);
    expect(monotonicNow() - flows.heard(octets, 1)).toBeLessThan(1_000);
    flows.clear();
    expect([flows.heard(octets, 1), others.heard(octets, 1) - now < 0.01]).toEqual([Number.NEGATIVE_INFINITY, true]);
    others.close(octets, 1);
    expect(others.heard(octets, 1)).toBe(Number.NEGATIVE_INFINITY);
    table.become(null);
  });

  test('flows that have ended make room, a few with each that is opened', () => {
    const table = new FlowTable();
    table.become(must(duplicate(node.tables.flowsFd), 'fcntl', 'flows'));
    const flows = table.of(0);
    const octets = address(CLIENT);
    const at = new Endpoint();
    at.port = 1;
    const open = (i: number, now: number) => {
      octets.set([i >> 8, i], 8);
      flows.open(octets, 0, at, now);
    };
    const now = monotonicNow();
    for (let i = 0; i < 500; i++) open(i, now - FLOW_SILENCE * 1000);
    for (let i = 500; i < 1000; i++) open(i, now);
    const known = (from: number, to: number) => {
      let n = 0;
      for (let i = from; i < to; i++) {
        octets.set([i >> 8, i], 8);
        if (flows.heard(octets, 0) > Number.NEGATIVE_INFINITY) n++;
      }
      return n;
    };
    expect([known(0, 500) < 200, known(500, 1000)]).toEqual([true, 500]);
    flows.clear();
    expect(known(0, 1000)).toBe(0);
    table.become(null);
  });

  test('each client has its own, and the one that is removed is left to the role again', () => {
    heard(1);
    node.tables.removeFlow(0, address(CLIENT));
    expect(node.tables.flow(0, address(CLIENT))).toBeNull();
    expect(shown('v6', reply)).toEqual([null, ['no_flow']]);
    node.tables.removeFlow(0, address(CLIENT));
  });
});
