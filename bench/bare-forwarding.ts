/**
 * XDP without a tunnel, on one interface: see bare-forwarding.bpf.c, which scripts/bench.mjs compiles.
 *
 * Run as a process of its own in the node's namespace: `bare-forwarding.ts PROGRAM INTERFACE`; says `ready`, ends with
 * SIGTERM, and the program with it.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ifNameToIndex } from '../src/linux/libc.js';
import { XdpObject } from '../src/xdp/object.js';

/** The compiled programs. */
export const BARE_OBJECT = fileURLToPath(new URL('../dist/bench/bare-forwarding.bpf.o', import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [program, name] = process.argv.slice(2);
  XdpObject.load(readFileSync(BARE_OBJECT)).program(program).attach(ifNameToIndex(name), 'native');
  process.stderr.write('"msg":"ready"\n');
  // The link lives as long as the process.
  setInterval(() => {}, 1 << 30);
}
