import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import { PROTOCOL_ERROR_CODES } from '../../../protocol/protocol_error';
import { type Histogram } from '../../stats/histogram';
import { type ServerActivity } from '../../stats/server_activity';
import { addProcessMetrics } from './process_metrics';
import { addCounter, addGauge } from './read_metrics';
import { type StatusAggregator } from '../report/status_aggregator';

/** The shortest interval between two collections. */
const COLLECTION_INTERVAL_MS = 1_000;

/** The sources of the metrics. */
export interface MetricSources {
  readonly activity: ServerActivity;
  readonly aggregator: StatusAggregator;
  /** The number of open pages. */
  readonly pages: () => number;
}

/**
 * The server's metrics for Prometheus, named after its conventions (base units, `_total` on counters). They are read
 * from the server's counters at each collection. docs/operations.md documents them.
 */
export class Metrics {
  private readonly registry = new Registry();
  private collectedAt = -Infinity;
  private text: Promise<Buffer> | undefined;

  constructor(sources: MetricSources) {
    const registers = [this.registry];
    addProcessMetrics(registers);
    addServerMetrics(registers, sources);
    addAgencyMetrics(registers, sources);
    addHistograms(this.registry, sources.activity);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The text of a scrape in UTF-8. Scrapes within a second share it. */
  async read(): Promise<Buffer> {
    const now = performance.now();
    if (this.text === undefined || now - this.collectedAt >= COLLECTION_INTERVAL_MS) {
      this.collectedAt = now;
      this.text = this.registry.metrics().then((text) => Buffer.from(text, 'utf8'));
    }
    return this.text;
  }
}

function addServerMetrics(registers: Registry[], { activity, aggregator, pages }: MetricSources): void {
  addGauge(
    registers,
    'lottery_ready',
    '1 while the server takes bets, 0 while it stops or its store accepts no writes.',
    () => (activity.isReady ? 1 : 0),
  );
  addCounter(
    registers,
    'lottery_bets_stored_total',
    'Bets stored since the server started.',
    () => activity.betsStored,
  );
  addGauge(
    registers,
    'lottery_bets',
    'Bets on the disk, those of earlier runs included.',
    () => aggregator.summary().bets.stored,
  );
  addCounter(registers, 'lottery_committed_bytes_total', 'Bytes of bets made durable.', () => activity.committedBytes);
  addCounter(registers, 'lottery_sessions_total', 'Sessions opened.', () => activity.sessionsOpened);
  addGauge(registers, 'lottery_sessions_open', 'Sessions that are open.', () => activity.sessionsOpen);
  addGauge(
    registers,
    'lottery_sessions_allowed',
    'Sessions that may be open at once: SERVER_MAX_SESSIONS, or fewer where few open files are allowed.',
    () => activity.sessionsAllowed,
  );
  addCounter(
    registers,
    'lottery_accept_failures_total',
    'Connections reset without a response, because no file descriptor was free.',
    () => activity.acceptFailures,
  );
  addGauge(registers, 'lottery_draw_held', '1 once the draw has been held.', () =>
    aggregator.summary().draw.held ? 1 : 0,
  );
  addGauge(registers, 'lottery_status_pages_open', 'Status pages that are open in browsers.', pages);
  new Counter({
    name: 'lottery_session_errors_total',
    help: "Sessions that ended with an E message, by the protocol's code.",
    labelNames: ['code'],
    registers,
    collect(): void {
      this.reset();
      // Each code is present from the start, because Prometheus misses the growth of a counter that begins with its
      // first error.
      for (const code of PROTOCOL_ERROR_CODES) this.inc({ code }, activity.errors.get(code) ?? 0);
    },
  });
}

function addAgencyMetrics(registers: Registry[], { aggregator }: MetricSources): void {
  const expected = (): number => aggregator.summary().agencies.expected;
  addGauge(registers, 'lottery_agencies_expected', 'Agencies that take part.', expected);
  new Gauge({
    name: 'lottery_agencies',
    help: 'Agencies by state: absent, uploading, finished, winners (they have their winners).',
    labelNames: ['state'],
    registers,
    collect(): void {
      for (const [state, count] of Object.entries(aggregator.summary().agencies.byState)) this.set({ state }, count);
    },
  });

  new Gauge({
    name: 'lottery_agency_bets',
    help: "Each agency's bets on the disk.",
    labelNames: ['agency'],
    registers,
    collect(): void {
      for (const { id, bets } of aggregator.detailed()) this.set({ agency: id }, bets);
    },
  });
  new Counter({
    name: 'lottery_agency_errors_total',
    help: "Each agency's sessions that ended with an E message.",
    labelNames: ['agency'],
    registers,
    collect(): void {
      this.reset();
      for (const { id, errors } of aggregator.detailed()) this.inc({ agency: id }, errors);
    },
  });
  new Gauge({
    name: 'lottery_agency_winners',
    help: "Each agency's bets that won, once the draw has been held.",
    labelNames: ['agency'],
    registers,
    collect(): void {
      for (const { id, winners } of aggregator.detailed()) {
        if (winners !== null) this.set({ agency: id }, winners);
      }
    },
  });
}

function addHistograms(registry: Registry, activity: ServerActivity): void {
  const histogram = (name: string, help: string, counts: Histogram): void => {
    // prom-client uses only the name and `get` of a registered metric, although its type lists its own classes.
    registry.registerMetric(new SourcedHistogram(name, help, counts) as unknown as Metric);
  };
  histogram('lottery_batch_bets', 'Bets in a stored batch.', activity.batchBets);
  histogram(
    'lottery_commit_duration_seconds',
    'From the first write of a commit to the confirmation of the disk.',
    activity.commitSeconds,
  );
  histogram('lottery_commit_batches', 'Batches that shared a commit.', activity.commitBatches);
  histogram('lottery_session_duration_seconds', 'From accept to close.', activity.sessionSeconds);
}

/** A histogram with counts from elsewhere, in the form expected by a registry. */
class SourcedHistogram {
  readonly type = 'histogram';

  constructor(
    readonly name: string,
    private readonly help: string,
    private readonly source: Histogram,
  ) {}

  async get(): Promise<object> {
    const { bounds, counts, sum, count } = this.source;
    const values: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
    let upTo = 0;
    for (const [index, inRange] of counts.entries()) {
      upTo += inRange;
      values.push({ metricName: `${this.name}_bucket`, labels: { le: bounds[index] ?? '+Inf' }, value: upTo });
    }
    values.push({ metricName: `${this.name}_sum`, labels: {}, value: sum });
    values.push({ metricName: `${this.name}_count`, labels: {}, value: count });
    return { name: this.name, help: this.help, type: this.type, values, aggregator: 'sum' };
  }

  /** Part of the registry's interface (`resetMetrics`). The counts belong to the source and are not reset. */
  reset(): void {}
}
