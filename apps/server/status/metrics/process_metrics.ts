import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';
import { allowedDescriptors, countOpenDescriptors } from '../../process/descriptor_budget';
import { addCounter, addGauge } from './read_metrics';

/**
 * The sampling interval of the event loop's lag, and so the lag of an idle loop. A finer sampling costs processor time
 * (docs/decisions/0010).
 */
const LAG_PRECISION_MS = 50;

const MICROSECONDS = 1e6;
const NANOSECONDS = 1e9;

/**
 * Adds the metrics of the process, under the names common to Prometheus's clients. prom-client's own collection is not
 * used: it observes every garbage collection (docs/decisions/0010), and it names gauges `_total`.
 */
export function addProcessMetrics(registers: Registry[]): void {
  addCounter(registers, 'process_cpu_seconds_total', 'Processor time, of the user and of the system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / MICROSECONDS;
  });
  const startedAt = Math.round(Date.now() / 1000 - process.uptime());
  addGauge(registers, 'process_start_time_seconds', 'When the process started, since the epoch.', () => startedAt);
  addGauge(registers, 'process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  addGauge(registers, 'process_open_fds', 'Open files and connections.', () => countOpenDescriptors());
  addGauge(registers, 'process_max_fds', 'The most that may be open.', () => allowedDescriptors());
  addGauge(registers, 'nodejs_heap_size_used_bytes', 'What is used of the heap.', () => process.memoryUsage().heapUsed);
  addGauge(registers, 'nodejs_heap_size_total_bytes', 'The heap.', () => process.memoryUsage().heapTotal);
  addLag(registers);
}

/** Adds the lag of the event loop since the previous collection. */
function addLag(registers: Registry[]): void {
  const lag = monitorEventLoopDelay({ resolution: LAG_PRECISION_MS });
  lag.enable();
  const gauges = [
    ['nodejs_eventloop_lag_p50_seconds', 'median', () => lag.percentile(50)],
    ['nodejs_eventloop_lag_p99_seconds', '99th percentile', () => lag.percentile(99)],
    ['nodejs_eventloop_lag_max_seconds', 'longest', () => lag.max],
  ] as const;
  for (const [index, [name, statistic, read]] of gauges.entries()) {
    new Gauge({
      name,
      help: `How late the event loop was, the ${statistic} since the scrape before.`,
      registers,
      collect(): void {
        if (lag.count > 0) this.set(read() / NANOSECONDS);
        // The gauges are collected in this order.
        if (index === gauges.length - 1) lag.reset();
      },
    });
  }
}
