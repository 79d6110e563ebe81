import { expect, test } from 'vitest';
import { Counters } from '../../src/core/counters.js';
import type { Frame } from '../../src/core/frame.js';
import { Pipeline } from '../../src/engine/pipeline.js';
import { nodeOf } from '../vectors/node.js';
import { MemoryPorts } from './memory-ports.js';

const ROUTER = `
[[tunnel]]
type = "6to4"
role = "router"
local = "192.0.2.42"
lan = [{ interface = "lan0", subnet = 1 }]
[policy]
allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
`;

test('frames of ports that were closed are never used again', () => {
  const node = nodeOf(ROUTER);
  const pipeline = new Pipeline({ counters: new Counters(), random: (into) => into.fill(7), owner: true });
  pipeline.configure(node, new MemoryPorts(node), 0);
  const ports = new MemoryPorts(node);
  pipeline.configure(node, ports, 0);
  const lan = ports.lans.get('lan0');
  const used: Frame[] = [];
  if (lan !== undefined) lan.fateOf = (frame) => used.push(frame) * 0;
  pipeline.step(0);
  expect(used.map((frame) => ports.frames.has(frame))).toEqual([true]);
});
