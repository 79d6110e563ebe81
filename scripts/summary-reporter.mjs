/** A vitest reporter that leaves the counts, and why tests were skipped, in the file named by TSUNAGI_TEST_SUMMARY. */
import { writeFileSync } from 'node:fs';

export default class SummaryReporter {
  onTestRunEnd(modules, errors) {
    const file = process.env.TSUNAGI_TEST_SUMMARY;
    if (file === undefined) return;
    const counts = { passed: 0, failed: errors.length, skipped: [] };
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const { state, note } = test.result();
        if (state === 'passed') counts.passed++;
        else if (state === 'failed') counts.failed++;
        else counts.skipped.push({ name: `${module.relativeModuleId}: ${test.fullName}`, reason: note ?? 'no reason given' });
      }
    }
    writeFileSync(file, JSON.stringify(counts));
  }
}
