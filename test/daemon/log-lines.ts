/** A log that tests can read. */
import { type Log, openLog } from '../../src/daemon/log.js';
import type { LogLevel } from '../../src/daemon/log-level.js';

/** A log, its lines, and the hand of its clock. */
export function makeLog(options: { level?: LogLevel; pretty?: boolean } = {}): { log: Log; lines: string[]; clock: { now: number } } {
  const lines: string[] = [];
  const clock = { now: 0 };
  const { level = 'info', pretty = false } = options;
  return { log: openLog({ level, pretty, stream: { write: (line) => void lines.push(line) }, now: () => clock.now }), lines, clock };
}
