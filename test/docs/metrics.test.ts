import { expect, test } from 'vitest';
import { ICMP_KINDS } from '../../src/core/counters.js';
import { METRICS, openMetrics } from '../../src/daemon/metrics.js';
import { PASSED } from '../../src/xdp/layout.js';
import { makeView } from '../daemon/view.js';
import { document, tableRows } from './documents.js';

const text = document('metrics.md');

/** A section of the document: its metric, kind, labels and first sentence. */
const sections = [...text.matchAll(/^## `(\w+)`\n\n(Counter|Gauge) `\{([\w,]+)\}`\. ([^\n]+?\.)$/gm)].map(
  ([, name, kind, labels, help]) => ({
    name,
    kind: kind.toLowerCase(),
    labels: labels.split(','),
    help,
  }),
);

test('docs/metrics.md lists exactly the metrics that exist, with kind, labels and help', () => {
  expect(sections).toEqual(METRICS.map(({ name, kind, labels, help }) => ({ name, kind, labels, help })));
});

test('the page serves exactly the documented metrics', async () => {
  const page = await (await openMetrics(makeView().view)).text();
  const served = [...page.matchAll(/^# HELP (\w+) (.+)$/gm)].map(([, name, help]) => ({ name, help }));
  expect(served).toEqual(sections.map(({ name, help }) => ({ name, help })));
});

test('docs/metrics.md explains exactly the labels, the ICMP kinds, and the reasons of the fast path that exist', () => {
  const rows = tableRows(text).map(([name]) => name);
  const names = rows.filter((name) => !PASSED.some((reason) => reason === name));
  expect(rows.filter((name) => !names.includes(name))).toEqual([...PASSED]);
  const labels = [...new Set(METRICS.flatMap((metric) => metric.labels))];
  expect(names.filter((name) => !ICMP_KINDS.some((kind) => kind === name)).sort()).toEqual(labels.sort());
  expect(names.filter((name) => ICMP_KINDS.some((kind) => kind === name))).toEqual([...ICMP_KINDS]);
});
