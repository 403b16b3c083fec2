/**
 * Milliseconds of the system's monotonic clock, from any point in time. A program that only connects should not load
 * `performance`, whose first use takes about 1 ms.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
