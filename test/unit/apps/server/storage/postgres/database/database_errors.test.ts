import { expect } from 'chai';
import { DatabaseError as ServerError } from 'pg';
import {
  describeFailure,
  isRefusedConnection,
  refusalOf,
} from '../../../../../../../apps/server/storage/postgres/database/database_errors';

function serverError(code: string): Error {
  const error = new ServerError('the reason', 1, 'error');
  error.code = code;
  return error;
}

describe('an error of the server', () => {
  for (const state of ['40001', '40P01']) {
    it(`${state} is a conflict`, () => {
      const error = refusalOf(serverError(state));
      expect(error).to.include({ sqlState: state, isConflict: true });
    });
  }

  for (const state of ['22P02', '23505', '40003', '42501', '42P01', '53100', '53200', '55P03', '57014', 'XX000']) {
    it(`${state} is a refused statement`, () => {
      const cause = serverError(state);
      const error = refusalOf(cause);
      expect(error).to.include({ sqlState: state, isConflict: false, cause });
      expect(error!.message).to.equal(`the database refused a statement: the reason (${state})`);
    });
  }

  for (const state of ['08000', '08006', '08P01', '25006', '25P03', '53300', '57P01', '57P02', '57P03', '57P05']) {
    it(`${state} ends the connection`, () => {
      expect(refusalOf(serverError(state))).to.equal(undefined);
    });
  }

  for (const [state, isRefused] of [
    ['28P01', true],
    ['28000', true],
    ['3D000', true],
    ['53300', false],
    ['57P03', false],
  ] as const) {
    it(`${state} while connecting is ${isRefused ? 'lasting' : 'transient'}`, () => {
      expect(isRefusedConnection(serverError(state))).to.equal(isRefused);
    });
  }
});

describe('an error of TLS', () => {
  for (const code of [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'CERT_HAS_EXPIRED',
  ]) {
    it(`${code} is lasting`, () => {
      expect(isRefusedConnection(Object.assign(new Error('the reason'), { code }))).to.equal(true);
    });
  }

  it('is lasting for a server without TLS', () => {
    expect(isRefusedConnection(new Error('The server does not support SSL connections'))).to.equal(true);
  });
});

describe('an error of the connection', () => {
  // Codes of Node have five characters too.
  for (const code of [
    undefined,
    'EPIPE',
    'EPERM',
    'ECONNRESET',
    'ENOTFOUND',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'DATABASE_UNAVAILABLE',
  ]) {
    it(`${code} ends the connection, and is transient`, () => {
      const error = Object.assign(new Error('the reason'), { code });
      expect(refusalOf(error)).to.equal(undefined);
      expect(isRefusedConnection(error)).to.equal(false);
      expect(describeFailure(error)).to.equal('the reason');
    });
  }

  it('for a name with several addresses is described by the errors of all', () => {
    const errors = [new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')];
    expect(describeFailure(new AggregateError(errors))).to.equal(
      'connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1',
    );
  });
});
