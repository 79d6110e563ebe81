/** What iputils' ping prints, read. */
import { expect, test } from 'vitest';
import { readPing } from '../../src/lab/ping.js';

test('replies with their times', () => {
  const text = `PING 2001:db8:80::80(2001:db8:80::80) 56 data bytes
64 bytes from 2001:db8:80::80: icmp_seq=1 ttl=61 time=5.64 ms
64 bytes from 2001:db8:80::80: icmp_seq=2 ttl=61 time=1.39 ms

--- 2001:db8:80::80 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time 51ms
rtt min/avg/max/mdev = 1.388/3.515/5.643/2.127 ms
`;
  expect(readPing(text)).toEqual({ sent: 2, received: 2, times: [5.64, 1.39], exceededAt: [], complaints: [] });
});

test('who says that the hop limit has ended', () => {
  const text = `PING 2001:db8:80::80(2001:db8:80::80) 56 data bytes
From 2001:db8:0:b000:192:88:99:1 icmp_seq=1 Time exceeded: Hop limit

--- 2001:db8:80::80 ping statistics ---
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms
`;
  expect(readPing(text)).toEqual({ sent: 1, received: 0, times: [], exceededAt: ['2001:db8:0:b000:192:88:99:1'], complaints: [] });
});

test('other errors are told once each, and an answer that never came is no time', () => {
  const text = `PING 2001:db8:80::81(2001:db8:80::81) 56 data bytes
From 2001:db8:80::1 icmp_seq=1 Destination unreachable: Address unreachable
From 2001:db8:80::1 icmp_seq=2 Destination unreachable: Address unreachable

--- 2001:db8:80::81 ping statistics ---
3 packets transmitted, 0 received, +2 errors, 100% packet loss, time 2040ms
`;
  expect(readPing(text)).toEqual({
    sent: 3,
    received: 0,
    times: [],
    exceededAt: [],
    complaints: ['2001:db8:80::1: Destination unreachable: Address unreachable'],
  });
});

test('nothing at all is no reply', () => {
  expect(readPing('')).toEqual({ sent: 0, received: 0, times: [], exceededAt: [], complaints: [] });
});
