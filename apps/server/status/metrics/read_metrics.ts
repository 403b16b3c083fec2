import { Counter, Gauge, type Registry } from 'prom-client';

/** Adds a gauge whose value is read whenever the metrics are asked for. */
export function addGauge(registers: Registry[], name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect(): void {
      this.set(read());
    },
  });
}

/** Adds a counter whose total is read whenever the metrics are asked for; it is kept elsewhere. */
export function addCounter(registers: Registry[], name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect(): void {
      this.reset();
      this.inc(read());
    },
  });
}
