import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';
import { allowedDescriptors, countOpenDescriptors } from '../../process/descriptor_budget';
import { addCounter, addGauge } from './read_metrics';

/** How often the event loop is looked at, and so the lag of one that is idle: more often would cost processor time. */
const LAG_PRECISION_MS = 50;

const MICROSECONDS = 1e6;
const NANOSECONDS = 1e9;

/**
 * The process's own metrics, under the names that Prometheus's clients give them. prom-client's collection of them is not
 * used: it is told of every garbage collection, of which a server with a small young generation has many, and it calls
 * gauges `_total`.
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

/** How late the event loop was since the metrics were gathered before. */
function addLag(registers: Registry[]): void {
  const lag = monitorEventLoopDelay({ resolution: LAG_PRECISION_MS });
  lag.enable();
  const gauges = [
    ['nodejs_eventloop_lag_p50_seconds', 'median', () => lag.percentile(50)],
    ['nodejs_eventloop_lag_p99_seconds', '99th percentile', () => lag.percentile(99)],
    ['nodejs_eventloop_lag_max_seconds', 'longest', () => lag.max],
  ] as const;
  for (const [index, [name, words, read]] of gauges.entries()) {
    new Gauge({
      name,
      help: `How late the event loop was, the ${words} since the scrape before.`,
      registers,
      collect(): void {
        if (lag.count > 0) this.set(read() / NANOSECONDS);
        // They are gathered in this order.
        if (index === gauges.length - 1) lag.reset();
      },
    });
  }
}
