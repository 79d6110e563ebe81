/**
 * `npm test`: sets up, checks types, lint and unused code, runs every test, and ends with one line
 * `N passed, N failed[, N skipped]`, each skip with its reason above. Arguments go to vitest; with a
 * file or project named, the static checks are left out.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

await setUp('test');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const chosen = process.argv.slice(2);
const STATIC_CHECKS = [
  ['types of tests and benches', bin('tsc'), ['-p', 'test']],
  ['lint, format, import walls', bin('biome'), ['check', '--error-on-warnings']],
  ['nothing unused', bin('knip'), ['--no-progress']],
];

let passed = 0;
let failed = 0;
for (const [title, command, args] of chosen.length > 0 ? [] : STATIC_CHECKS) {
  const run = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
  const good = run.status === 0;
  if (good) passed++;
  else failed++;
  console.log(`${good ? '✓' : '✗'} ${title}${good ? '' : `\n${run.stdout}${run.stderr}`}`);
}

const folder = mkdtempSync(join(tmpdir(), 'tsunagi-test-'));
const summary = join(folder, 'summary.json');
const run = spawnSync(bin('vitest'), ['run', ...chosen], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TSUNAGI_TEST_SUMMARY: summary, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
});
let skipped = [];
try {
  const counts = JSON.parse(readFileSync(summary, 'utf8'));
  passed += counts.passed;
  failed += counts.failed;
  skipped = counts.skipped;
} catch {
  console.log('vitest ended without a summary');
  failed++;
}
rmSync(folder, { recursive: true, force: true });
if (run.status !== 0 && failed === 0) failed++;
for (const { name, reason } of skipped) console.log(`skipped: ${name}: ${reason}`);
console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
process.exitCode = failed > 0 ? 1 : 0;
