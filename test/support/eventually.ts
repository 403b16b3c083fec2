import { setTimeout as delay } from 'node:timers/promises';

const INTERVAL_MS = 20;

/** Resolves once the condition holds; rejects after the deadline. For conditions without an event, as in files. */
export async function eventually(what: string, condition: () => Promise<boolean>, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await delay(INTERVAL_MS);
  }
}
