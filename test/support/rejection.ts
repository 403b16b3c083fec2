import { inspect } from 'node:util';
import { expect } from 'chai';

/** The error that `promise` fails with; fails itself where it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) expect.fail(`resolved with ${inspect(outcome.value).slice(0, 100)} instead of failing`);
  expect(outcome.error).to.be.instanceOf(Error);
  return outcome.error as Error;
}

/** Expects `promise` to fail with an error of this stable code, and hands that error over. */
export async function expectCode(promise: Promise<unknown>, code: string): Promise<Error> {
  const error = await rejection(promise);
  expect(error, String(error.stack)).to.have.property('code', code);
  return error;
}
