import { expect, test } from 'vitest';
import { Direction, IcmpKind, NODE_SLOT } from '../../src/core/counters.js';
import { Drop } from '../../src/core/drop.js';
import { readStatus } from '../../src/daemon/status.js';
import { makeView } from './view.js';

test('the status adds the rows of all packet threads and leaves out what never came up', () => {
  const { view, writers } = makeView();
  writers[0].forwarded(0, Direction.encapsulate, 104);
  writers[1].forwarded(0, Direction.encapsulate, 60);
  writers[1].forwarded(0, Direction.decapsulate, 1280);
  writers[0].dropped(0, Direction.encapsulate, Drop.hop_limit);
  writers[1].dropped(0, Direction.decapsulate, Drop.hop_limit);
  writers[1].dropped(NODE_SLOT, Direction.decapsulate, Drop.not_local);
  writers[0].icmp(0, IcmpKind.sent_time_exceeded);

  expect(readStatus(view)).toEqual({
    node: 'otemachi-1',
    version: '0.1.0',
    uptimeSeconds: 12,
    state: 'running',
    workers: 2,
    tunnels: [
      {
        name: 'relay',
        type: '6to4',
        role: 'relay',
        state: 'up',
        interface: 'tun6to4',
        local: '192.88.99.1',
        accept: ['203.0.113.1'],
        address: '2002:c058:6301::1',
        mtu: 1480,
        encapsulated: { packets: 2, octets: 164 },
        decapsulated: { packets: 1, octets: 1280 },
        dropped: { hop_limit: 2 },
        icmp: { sent_time_exceeded: 1 },
      },
      {
        name: 'home',
        type: '6to4',
        role: 'host',
        state: 'down',
        down: 'no IPv4 default route',
        interface: 'tun1',
        local: null,
        accept: [],
        mtu: 1280,
        encapsulated: { packets: 0, octets: 0 },
        decapsulated: { packets: 0, octets: 0 },
        dropped: {},
        icmp: {},
      },
    ],
    dropped: { not_local: 1 },
    fastpath: { mode: 'off', interfaces: [], reason: 'this version forwards in its packet threads only' },
  });
});
