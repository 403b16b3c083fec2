/**
 * What a call that returns a promise returns instead of throwing: with it, a function needs not be `async`, which adds
 * promises of its own to each call.
 */
export function rejection(error: unknown): Promise<never> {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- handed on as it came
  return Promise.reject(error);
}
