/** `npm run bench`: sets up, then measures; arguments go to bench/forwarding.ts. Needs root. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { compileXdp, root, setUp } from './setup.mjs';

await setUp('bench');
compileXdp('XDP without a tunnel', join(root, 'bench', 'bare-forwarding.bpf.c'), join(root, 'dist', 'bench', 'bare-forwarding.bpf.o'));
const run = spawnSync(process.execPath, ['--import', 'tsx', join(root, 'bench', 'forwarding.ts'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = run.status ?? 1;
