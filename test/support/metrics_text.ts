import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { LIMIT_NAMES } from '../../apps/server/limits/limit_name';

const REPOSITORY = join(__dirname, '../..');
const DASHBOARD = join(REPOSITORY, 'monitoring/grafana/dashboards/lottery.json');
const OPERATIONS = join(REPOSITORY, 'docs/operations.md');

/** The label of a target, which Prometheus adds. */
const OF_PROMETHEUS = 'instance';

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string; readonly legendFormat?: string }[];
  }[];
}

/** The names of the metrics in docs/operations.md. */
export interface DocumentedMetrics {
  readonly always: readonly string[];
  readonly withTls: readonly string[];
  readonly withDatabase: readonly string[];
  readonly ofProcess: readonly string[];
  /** Those that are the same on every server. */
  readonly ofLottery: readonly string[];
}

/** A metric of a panel of the dashboard, with the labels of its expression. */
export interface DrawnMetric {
  readonly panel: string;
  readonly expression: string;
  readonly name: string;
  readonly labels: readonly string[];
}

/** The names of the metrics in the text of a scrape. */
export function metricsIn(text: string): readonly string[] {
  return allOf(text, /^# TYPE (\w+) /gm);
}

/** The counts of `lottery_limited_total` above 0, by the limit. Each limit has a count. */
export async function limitedBy(statusPort: number): Promise<Record<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text();
  const samples = Array.from(text.matchAll(/^lottery_limited_total\{limit="(\w+)"\} (\d+)$/gm));
  expect(samples.map(([, limit]) => limit)).to.deep.equal(LIMIT_NAMES);
  const counts: Record<string, number> = {};
  for (const [, limit, count] of samples) if (count !== '0') counts[limit!] = Number(count);
  return counts;
}

export async function readDocumentedMetrics(): Promise<DocumentedMetrics> {
  const text = await readFile(OPERATIONS, 'utf8');
  const [before, withDatabase] = text.split('#### With a database\n') as [string, string];
  const [always, withTls] = before.split('#### With TLS\n') as [string, string];
  const rows = /^\| `(lottery_\w+)` +\| (?:gauge|counter|histogram)/gm;
  const [, metrics] = always.split('### Metrics\n') as [string, string];
  return {
    always: allOf(always, rows),
    withTls: allOf(withTls, rows),
    withDatabase: allOf(withDatabase, rows),
    ofLottery: allOf(text, /^\| `(lottery_\w+)` +\|[^|]+\| lottery +\|/gm),
    ofProcess: allOf(metrics, /`((?:process|nodejs)_\w+)`/g),
  };
}

export async function readDrawnMetrics(): Promise<readonly DrawnMetric[]> {
  const { panels } = JSON.parse(await readFile(DASHBOARD, 'utf8')) as Dashboard;
  return panels.flatMap(({ title, targets }) => {
    return targets.flatMap(({ expr, legendFormat }) => {
      const metrics = expr.matchAll(/\b((?:lottery|nodejs|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g);
      return Array.from(metrics, ([, name, matchers]) => {
        const labels = [
          ...allOf(matchers ?? '', /(\w+)=/g),
          ...allOf(expr, /\bby \((\w+(?:, \w+)*)\)/g).flatMap((list) => list.split(', ')),
          ...allOf(legendFormat ?? '', /\{\{(\w+)\}\}/g),
        ].filter((label) => label !== OF_PROMETHEUS);
        return { panel: title, expression: expr, name: name!, labels };
      });
    });
  });
}

/** Checks that a scrape has these metrics with these labels. */
export function requireDrawn(metrics: readonly DrawnMetric[], text: string): void {
  const known = labelsOf(text);
  for (const { panel, name, labels } of metrics) {
    expect(known, `metrics of "${panel}"`).to.include.keys(name);
    for (const label of labels) expect([...known.get(name)!], `${name} of "${panel}"`).to.include(label);
  }
}

/** The labels of each metric in its samples. */
function labelsOf(text: string): Map<string, Set<string>> {
  const labels = new Map<string, Set<string>>();
  for (const [, name, inBraces] of text.matchAll(/^([a-z_0-9]+)(?:\{(.*)\})? \S+$/gm)) {
    const known = labels.get(name!) ?? new Set();
    for (const label of allOf(inBraces ?? '', /(\w+)="/g)) known.add(label);
    labels.set(name!, known);
  }
  return labels;
}

function allOf(text: string, pattern: RegExp): string[] {
  return Array.from(text.matchAll(pattern), ([, part]) => part!);
}
