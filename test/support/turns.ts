/** Waits for a number of turns of the event loop, before the check that something has not happened. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits, turn by turn, until the condition holds; fails after 100,000 turns. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 100_000; turn++) {
    if (holds()) return;
    await turns(1);
  }
  throw new Error(`not within 100,000 turns: ${what}`);
}
