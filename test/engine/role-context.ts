/** What a tunnel of `node` is built with when it is alone: no chance, nothing inherited, time 0. */

import { NO_FLOWS } from '../../src/core/flows.js';
import { NodeContext } from '../../src/engine/node.js';
import type { NodeSpec } from '../../src/engine/spec.js';
import type { RoleContext } from '../../src/engine/technology.js';
import { NO_HERITAGE } from '../../src/role/role.js';

export function contextOf(node: NodeSpec): RoleContext {
  return { node: new NodeContext(node), random: () => {}, speaks: true, flows: NO_FLOWS, sockets: [], before: NO_HERITAGE, now: 0 };
}
