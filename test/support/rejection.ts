import { inspect } from 'node:util';
import { expect } from 'chai';

/** The error of a rejected promise. Fails if the promise resolves. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) expect.fail(`resolved with ${inspect(outcome.value).slice(0, 100)} instead of failing`);
  expect(outcome.error).to.be.instanceOf(Error);
  return outcome.error as Error;
}

/** Requires that `promise` rejects with an error of this code. Returns the error. */
export async function expectCode(promise: Promise<unknown>, code: string): Promise<Error> {
  const error = await rejection(promise);
  expect(error, String(error.stack)).to.have.property('code', code);
  return error;
}
