/** Lets so many turns of the event loop pass: for what must not have happened by then. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits, turn by turn, until something holds; fails after a great many turns. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 100_000; turn++) {
    if (holds()) return;
    await turns(1);
  }
  throw new Error(`it never came to this: ${what}`);
}
