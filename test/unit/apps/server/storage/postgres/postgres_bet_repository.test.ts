import { expect } from 'chai';
import { readBetBatch } from '../../../../../../apps/protocol/bet_batch';
import { type AgencyClaim } from '../../../../../../apps/server/domain/agency_claim';
import { type Database } from '../../../../../../apps/server/storage/postgres/database/database';
import { type Transaction } from '../../../../../../apps/server/storage/postgres/database/transaction';
import { LocalClaims } from '../../../../../../apps/server/storage/postgres/local_claims';
import { type OpenDraw } from '../../../../../../apps/server/storage/postgres/open_draw';
import { PostgresBetRepository } from '../../../../../../apps/server/storage/postgres/postgres_bet_repository';
import { WriteGate } from '../../../../../../apps/server/storage/postgres/write_gate';
import { turns } from '../../../../../support/turns';

const CLAIM: AgencyClaim = { agency: 3, epoch: 1, stored: 0 };
const BATCHES_BESIDE = 32;
const BATCHES = 64 + BATCHES_BESIDE;

const batch = () => readBetBatch(Buffer.from('3,Ana,Paz,1,1999-03-17,7'), 3);

/** A database of one agency, with the count of its bets. A COPY waits until the test releases it. */
class FakeDatabase {
  stored = 0;
  rolledBack = 0;
  readonly copies: (() => void)[] = [];

  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const change = { added: 0 };
    try {
      const result = await work(this.begin(change) as unknown as Transaction);
      await turns(2);
      this.stored += change.added;
      return result;
    } catch (error) {
      this.rolledBack++;
      throw error;
    }
  }

  private begin(change: { added: number }): Pick<Transaction, 'copyFrom'> & { query: unknown } {
    return {
      copyFrom: () => new Promise<number>((resolve) => this.copies.push(() => resolve(0))),
      query: (_text: string, [, , , [after], [added]]: [number, number[], number[], [number], [number]]) => {
        const moved = after === this.stored;
        if (moved) change.added = added;
        return Promise.resolve([{ agency: 3, epoch: 1, stored: this.stored, finished_with: null, moved }]);
      },
    };
  }
}

describe('two simultaneous commits of an agency in PostgreSQL', () => {
  it('check their counts in the order of their batches, whichever COPY ends first', async () => {
    const database = new FakeDatabase();
    const claims = new LocalClaims();
    claims.add(CLAIM, false);
    const draw = { id: 1 } as OpenDraw;
    const bets = new PostgresBetRepository(database as unknown as Database, draw, claims, new WriteGate(), 1234);

    const stored = Array.from({ length: BATCHES }, (_, after) => bets.append(CLAIM, batch(), after));
    await turns(3);
    expect(database.copies).to.have.length(2);
    database.copies[1]!();
    await turns(5);
    database.copies[0]!();

    expect(await Promise.all(stored)).to.deep.equal(Array.from({ length: BATCHES }, (_, index) => index + 1));
    expect(database.stored).to.equal(BATCHES);
    expect(database.rolledBack).to.equal(0);
  });
});
