/** Calls `act` so that what it throws becomes a rejection: an async function without the promises that one adds. */
export function rejecting<T>(act: () => Promise<T>): Promise<T> {
  try {
    return act();
  } catch (error) {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- handed on as it came
    return Promise.reject(error);
  }
}
