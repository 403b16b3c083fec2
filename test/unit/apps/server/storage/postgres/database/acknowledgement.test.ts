import { expect } from 'chai';
import {
  acknowledgedCommit,
  acknowledgedWrite,
} from '../../../../../../../apps/server/storage/postgres/database/acknowledgement';
import { type Connection, type Notice } from '../../../../../../../apps/server/storage/postgres/database/connection';
import {
  DatabaseUnavailableError,
  StatementError,
} from '../../../../../../../apps/server/storage/postgres/database/database_errors';
import { DatabaseError as ServerError } from 'pg';
import { expectCode, rejection } from '../../../../../../support/rejection';

const UNKNOWN = 'STORE_OUTCOME_UNKNOWN';

/** A double of a connection, with its notice and its end. */
class FakeConnection {
  readonly host = { host: 'a', port: 1 };
  isUsable = true;
  notice: Notice | undefined;

  takeNotice(): Notice | undefined {
    const { notice } = this;
    this.notice = undefined;
    return notice;
  }

  destroy(): void {
    this.isUsable = false;
  }
}

function lost(state: string | undefined): DatabaseUnavailableError {
  const cause = new ServerError('the reason', 1, 'error');
  cause.code = state;
  return new DatabaseUnavailableError('lost', { cause });
}

describe('the acknowledgement of', () => {
  let fake: FakeConnection;
  let connection: Connection;

  beforeEach(() => {
    fake = new FakeConnection();
    connection = fake as unknown as Connection;
  });

  for (const [what, acknowledged] of [
    ['a COMMIT', acknowledgedCommit],
    ['a write', acknowledgedWrite],
  ] as const) {
    describe(what, () => {
      const respondWith = async (code: string | undefined) => {
        fake.notice = { code, message: 'a notice' };
        return 'COMMIT';
      };

      it('is a clean response', async () => {
        fake.notice = { code: '01000', message: 'a notice of an earlier statement' };
        expect(await acknowledged(connection, async () => 'COMMIT')).to.equal('COMMIT');
        expect(await acknowledged(connection, () => respondWith('00000'))).to.equal('COMMIT');
        expect(fake.isUsable).to.equal(true);
      });

      for (const code of ['01000', '57P01', '25P01', undefined]) {
        it(`is unknown with the notice ${code}`, async () => {
          const error = await expectCode(
            acknowledged(connection, () => respondWith(code)),
            UNKNOWN,
          );
          expect(error.message).to.equal(
            `it is unknown whether the database at a:1 has stored it: a notice (${code ?? 'no code'})`,
          );
          expect(fake.isUsable).to.equal(false);
        });
      }

      for (const state of ['57P01', '57P02', '08006', undefined]) {
        it(`is unknown after a loss by ${state}`, async () => {
          const error = lost(state);
          const unknown = await expectCode(
            acknowledged(connection, () => Promise.reject(error)),
            UNKNOWN,
          );
          expect(unknown.cause).to.equal(error);
          expect(fake.isUsable).to.equal(false);
        });
      }

      for (const state of ['40001', '40P01']) {
        it(`is a rollback after the conflict ${state}`, async () => {
          const error = new StatementError('conflict', state);
          expect(await rejection(acknowledged(connection, () => Promise.reject(error)))).to.equal(error);
          expect(fake.isUsable).to.equal(true);
        });
      }

      it('is not sent on a lost connection', async () => {
        fake.isUsable = false;
        const error = lost(undefined);
        expect(await rejection(acknowledged(connection, () => Promise.reject(error)))).to.equal(error);
      });
    });
  }

  it('a COMMIT is unknown after another error of the server', async () => {
    const refused = () => Promise.reject(new StatementError('refused', '53100'));
    await expectCode(acknowledgedCommit(connection, refused), UNKNOWN);
    expect(fake.isUsable).to.equal(false);
  });

  it('a write is rolled back after an error of the server, or on a read-only server', async () => {
    for (const error of [new StatementError('refused', '23505'), lost('25006')]) {
      expect(await rejection(acknowledgedWrite(connection, () => Promise.reject(error)))).to.equal(error);
    }
    expect(fake.isUsable).to.equal(true);
  });
});
