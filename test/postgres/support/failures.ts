import { expect } from 'chai';
import { inspect } from 'node:util';
import { expectCode } from '../../support/rejection';

/** The password in the URLs of tests of failures. */
export const PASSWORD = 'Pa55-w0rd';

/** The error of a failed request. It has this code, and neither the error nor its causes contain the password. */
export async function failureOf(request: Promise<unknown>, code: string): Promise<Error> {
  const error = await expectCode(request, code);
  expect(inspect(error, { depth: Infinity, showHidden: true })).not.to.include(PASSWORD);
  return error;
}
