import { defineConfig } from 'vitest/config';

/** One project a kind of test; `lab` needs root and real interfaces and runs one file at a time. */
export default defineConfig({
  test: {
    reporters: ['default', './scripts/summary-reporter.mjs'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{core,wire,mapping,policy,role,engine,topology,config,daemon,cli,docs}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      { test: { name: 'vectors', include: ['test/vectors/**/*.test.ts'] } },
      { test: { name: 'sim', include: ['test/sim/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'lab',
          include: ['test/{linux,xdp,lab}/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
