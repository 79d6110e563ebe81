import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HostConfiguration } from '../../src/daemon/host-configuration.js';

test('a service that has set nothing leaves the journal of the one that was faster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsunagi-host-configuration-'));
  try {
    const journal = join(folder, 'leftover.json');
    const slower = new HostConfiguration(folder);
    writeFileSync(journal, 'of another process');
    slower.undo();
    expect(readFileSync(journal, 'utf8')).toBe('of another process');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
