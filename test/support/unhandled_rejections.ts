import { turns } from './turns';

/** The reasons of the rejections that nobody has handled, while `act` runs and in the turns after it. */
export async function unhandledRejections(act: () => Promise<unknown>): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const keep = (reason: unknown): unknown => reasons.push(reason);
  // The listener of the test runner would end the test.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', keep);
  try {
    await act();
    await turns(5);
  } finally {
    process.off('unhandledRejection', keep);
    for (const other of others) process.on('unhandledRejection', other);
  }
  return reasons;
}
