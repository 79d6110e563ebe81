import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { kernelSit } from '../../src/linux/sit.js';

test('a kernel that has the driver sit, loaded or built in, is told of with the remedy; one without it is not', () => {
  const modules = mkdtempSync(join(tmpdir(), 'tlx-modules-'));
  try {
    expect(kernelSit(modules)).toBeNull();
    mkdirSync(join(modules, 'sit'));
    expect(kernelSit(modules)).toMatch(/sit .*rmmod sit/);
  } finally {
    rmSync(modules, { recursive: true });
  }
});
