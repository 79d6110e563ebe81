/** Files of `node.state`: each is replaced as a whole, and is on the disk before whoever writes it goes on. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Has `value` as JSON take the place of what there was at `path`, at once or not at all. For this user alone. Throws what
 * the file system says, and leaves nothing half-written.
 */
export function writeStateFile(path: string, value: unknown): void {
  const part = `${path}.part`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(part, `${JSON.stringify(value)}\n`, { mode: 0o600, flush: true });
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}
