/**
 * Many flows of Teredo clients for a daemon's fast path, put into the map of its program.
 *
 * A relay makes no more than a few hundred acquaintances a second, so that a hundred thousand are made up: each is a copy of
 * the one that the relay has, and never silent.
 */
import { execFileSync } from 'node:child_process';
import koffi from 'koffi';
import { must } from '../src/linux/libc.js';
import { CLIENT, FLOW } from '../src/xdp/layout.js';
import { libbpf } from '../src/xdp/libbpf.js';
import { type ClientPlaces, clientOctets } from './packets.js';

/** How long they are good for, nanoseconds. */
const GOOD_FOR = 3_600_000_000_000n;
const HEARD = FLOW.offsets.get('heard') ?? 0;
const PORT = FLOW.offsets.get('port') ?? 0;

/** Gives the program on `device` of `namespace` the flows of clients 0 to `count`, which `frame` names at `places`. */
export function installFlows(namespace: string, device: string, frame: Uint8Array, places: ClientPlaces, count: number): void {
  const fd = flowsOf(namespace, device);
  const [key, flow] = [new Uint8Array(CLIENT.size), new Uint8Array(FLOW.size)];
  must(libbpf().nextKey(fd, null, key), 'bpf_map_get_next_key', 'flows');
  must(libbpf().lookup(fd, key, flow), 'bpf_map_lookup_elem', 'flows');
  new DataView(flow.buffer).setBigUint64(HEARD, process.hrtime.bigint() + GOOD_FOR, true);
  const keys = new Uint8Array(count * CLIENT.size);
  const flows = new Uint8Array(count * FLOW.size);
  for (let i = 0; i < count; i++) {
    const { address, port } = clientOctets(frame, places, i);
    keys.set(key, i * CLIENT.size);
    keys.set(address, i * CLIENT.size);
    flows.set(flow, i * FLOW.size);
    flows.set(port, i * FLOW.size + PORT);
  }
  must(libbpf().updateBatch(fd, keys, flows, Uint32Array.of(count), null), 'bpf_map_update_batch', 'flows');
}

/** Descriptor of the map of flows of the program on `device`. */
function flowsOf(namespace: string, device: string): number {
  const [link] = told<{ xdp: { prog: { id: number } } }[]>('ip', '-n', namespace, '-json', 'link', 'show', device);
  const { map_ids } = told<{ map_ids: number[] }>('bpftool', '-j', 'prog', 'show', 'id', String(link.xdp.prog.id));
  const id = map_ids.find((one) => told<{ name?: string }>('bpftool', '-j', 'map', 'show', 'id', String(one)).name === 'flows');
  const fdById: (id: number) => number = koffi.load('libbpf.so.1').func('int bpf_map_get_fd_by_id(uint32_t id)');
  return must(fdById(id ?? 0), 'bpf_map_get_fd_by_id', `the flows on ${device}`);
}

function told<T>(command: string, ...args: readonly string[]): T {
  return JSON.parse(execFileSync(command, args, { encoding: 'utf8' })) as T;
}
