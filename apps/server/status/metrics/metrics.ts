import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import { PROTOCOL_ERROR_CODES } from '../../../protocol/protocol_error';
import { LIMIT_NAMES } from '../../limits/limit_name';
import { type Histogram } from '../../stats/histogram';
import { type ServerActivity } from '../../stats/server_activity';
import { addDatabaseMetrics } from './database_metrics';
import { addProcessMetrics } from './process_metrics';
import { addTlsMetrics } from './tls_metrics';
import { addCounter, addGauge, HERE, WHOLE } from './read_metrics';
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
 * from the server's counters at each collection. Those of the whole lottery are the same on all servers of a store; their
 * help texts say so. docs/operations.md documents them.
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
    if (sources.activity.tls !== undefined) addTlsMetrics(registers, sources.activity.tls);
    addHistograms(this.registry, sources.activity);
    if (sources.aggregator.summary().database !== null) addDatabaseMetrics(registers, sources.aggregator);
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
    `${HERE}1 while it takes bets, 0 while it stops or its store accepts no writes.`,
    () => (activity.isReady ? 1 : 0),
  );
  addCounter(registers, 'lottery_bets_stored_total', `${HERE}bets stored since its start.`, () => activity.betsStored);
  addGauge(
    registers,
    'lottery_bets',
    `${WHOLE}stored bets, those of earlier runs included.`,
    () => aggregator.summary().bets.stored,
  );
  addCounter(
    registers,
    'lottery_committed_bytes_total',
    `${HERE}bytes of bets made durable.`,
    () => activity.committedBytes,
  );
  addCounter(registers, 'lottery_sessions_total', `${HERE}sessions opened.`, () => activity.sessionsOpened);
  addGauge(registers, 'lottery_sessions_open', `${HERE}sessions that are open.`, () => activity.sessionsOpen);
  addGauge(
    registers,
    'lottery_sessions_allowed',
    `${HERE}sessions that may be open at once: SERVER_MAX_SESSIONS, or fewer where few open files are allowed.`,
    () => activity.sessionsAllowed,
  );
  addCounter(
    registers,
    'lottery_accept_failures_total',
    `${HERE}connections reset without a response, because no file descriptor was free.`,
    () => activity.acceptFailures,
  );
  addGauge(registers, 'lottery_draw_held', `${WHOLE}1 once the draw has been held.`, () =>
    aggregator.summary().draw.held ? 1 : 0,
  );
  addGauge(registers, 'lottery_status_pages_open', `${HERE}status pages that are open in browsers.`, pages);
  new Counter({
    name: 'lottery_session_errors_total',
    help: `${HERE}sessions that ended with an E message, by the protocol's code.`,
    labelNames: ['code'],
    registers,
    collect(): void {
      this.reset();
      // Each code is present from the start, because Prometheus misses the growth of a counter that begins with its
      // first error.
      for (const code of PROTOCOL_ERROR_CODES) this.inc({ code }, activity.errors.get(code) ?? 0);
    },
  });
  new Counter({
    name: 'lottery_limited_total',
    help: `${HERE}connections refused, sessions ended and pauses of reading, by the limit.`,
    labelNames: ['limit'],
    registers,
    collect(): void {
      this.reset();
      for (const limit of LIMIT_NAMES) this.inc({ limit }, activity.limited.get(limit) ?? 0);
    },
  });
}

function addAgencyMetrics(registers: Registry[], { aggregator }: MetricSources): void {
  const expected = (): number => aggregator.summary().agencies.expected;
  addGauge(registers, 'lottery_agencies_expected', `${WHOLE}agencies that take part.`, expected);
  new Gauge({
    name: 'lottery_agencies',
    help: `${WHOLE}agencies by state: absent, uploading, finished, winners (they have their winners).`,
    labelNames: ['state'],
    registers,
    collect(): void {
      for (const [state, count] of Object.entries(aggregator.summary().agencies.byState)) this.set({ state }, count);
    },
  });

  new Gauge({
    name: 'lottery_agency_bets',
    help: `${WHOLE}stored bets of each agency.`,
    labelNames: ['agency'],
    registers,
    collect(): void {
      for (const { id, bets } of aggregator.detailed()) this.set({ agency: id }, bets);
    },
  });
  new Counter({
    name: 'lottery_agency_errors_total',
    help: `${HERE}sessions of each agency that ended with an E message.`,
    labelNames: ['agency'],
    registers,
    collect(): void {
      this.reset();
      for (const { id, errors } of aggregator.detailed()) this.inc({ agency: id }, errors);
    },
  });
  new Gauge({
    name: 'lottery_agency_winners',
    help: `${WHOLE}winning bets of each agency, once the draw has been held.`,
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
  histogram('lottery_batch_bets', `${HERE}bets in a stored batch.`, activity.batchBets);
  histogram(
    'lottery_commit_duration_seconds',
    `${HERE}from the first write of a commit to the confirmation of disk or database.`,
    activity.commitSeconds,
  );
  histogram('lottery_commit_batches', `${HERE}batches that shared a commit.`, activity.commitBatches);
  histogram('lottery_session_duration_seconds', `${HERE}from accept to close of a session.`, activity.sessionSeconds);
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
