import { Counter, Gauge, type Registry } from 'prom-client';

/** The beginning of a help text: the scope of the metric. */
export const HERE = 'This server: ';
export const WHOLE = 'Whole lottery, the same on every server: ';

/** Adds a gauge. Its value is read at each collection. */
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

/** Adds a counter. Its total is kept elsewhere and read at each collection. */
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
