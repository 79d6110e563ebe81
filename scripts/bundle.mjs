/**
 * Bundles the command line and the threads into `dist/bundle/`: one start reads a few files instead of
 * hundreds. koffi stays outside, with its prebuilt library. What only some commands need is split off.
 */
import { join } from 'node:path';
import { build } from 'esbuild';

export function bundle(root) {
  return build({
    absWorkingDir: root,
    entryPoints: {
      main: join('src', 'cli', 'main.ts'),
      worker: join('src', 'daemon', 'worker.ts'),
      'upnp-thread': join('src', 'daemon', 'upnp-thread.ts'),
    },
    outdir: join('dist', 'bundle'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
    sourcemap: true,
    logLevel: 'warning',
    // Some dependencies are CommonJS and ask for `require`.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  });
}
