import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { compareNodes, nodeEvents, restartNotes } from '../../src/daemon/changes.js';
import type { NodeSpec, TunnelSpec } from '../../src/engine/spec.js';
import { node } from './view.js';

const [relay, home] = node.tunnels;
const withTunnels = (...tunnels: TunnelSpec[]): NodeSpec => ({ ...node, tunnels });

test('tunnels are compared by name: what is equal in value has not changed', () => {
  const copy = structuredClone(relay);
  expect(compareNodes(node, withTunnels(copy, { ...home, mtu: 1400 }, { ...home, name: 'new' }))).toEqual({
    added: ['new'],
    removed: [],
    changed: ['home'],
    unchanged: ['relay'],
  });
  expect(compareNodes(node, withTunnels(home))).toEqual({ added: [], removed: ['relay'], changed: [], unchanged: ['home'] });
});

test('what all tunnels share changes every one; a new address of the host changes none', () => {
  expect(compareNodes(node, { ...node, identity: new Uint8Array(16) }).changed).toEqual(['relay', 'home']);
  expect(compareNodes(node, { ...node, allowIpv4: [{ addr: 0xc0000200, len: 24 }] }).changed).toEqual(['relay', 'home']);
  expect(compareNodes(node, { ...node, ownIpv6: [new Uint8Array(16)] }).unchanged).toEqual(['relay', 'home']);
});

test('each change of a tunnel is one event, with what was and what is', () => {
  const up = { ...home, down: null, local: [0xc000020a] };
  const moved = { ...up, local: [0xc0000214] };
  const events = (before: TunnelSpec, after: TunnelSpec) =>
    nodeEvents(withTunnels(before), withTunnels(after)).map(({ level, message, fields }) => [level, message, fields]);

  expect(events(home, up)).toEqual([['info', 'tunnel up', { tunnel: 'home', now: '192.0.2.10' }]]);
  expect(events(up, moved)).toEqual([['info', 'address changed', { tunnel: 'home', before: '192.0.2.10', now: '192.0.2.20' }]]);
  expect(events(moved, home)).toEqual([['warn', 'tunnel down', { tunnel: 'home', reason: 'no IPv4 default route', before: '192.0.2.20' }]]);
  expect(events(home, { ...home, down: 'another reason' })).toEqual([
    ['warn', 'tunnel down', { tunnel: 'home', reason: 'another reason' }],
  ]);
  expect(events(home, { ...home, mtu: 1400 })).toEqual([]);
  expect(events(up, { ...up, mtu: 1400 })).toEqual([]);
  expect(nodeEvents(withTunnels(), withTunnels(up)), 'a tunnel that is added is told by the reload').toEqual([]);
});

test('what only a restart can bring is named with its new value', () => {
  const config = (head: string) => parseConfig(`${head}\n[[tunnel]]\ntype = "6to4"\nrole = "host"\n`, 'x').config ?? expect.fail(head);
  const before = config('workers = 1\n[node]\nstate = "/a"');
  expect(restartNotes(before, config('workers = 2\n[node]\nstate = "/a"'))).toEqual(['workers = 2 takes effect at the next start']);
  expect(restartNotes(before, config('workers = 1\n[node]\nname = "other"\nstate = "/b"\ncontrol = "/c"'))).toEqual([
    'node.control = "/c" takes effect at the next start',
    'node.state = "/b" takes effect at the next start',
  ]);
});
