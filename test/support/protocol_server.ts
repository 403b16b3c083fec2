import { expect } from 'chai';
import { type App } from './app';
import { LotterySandbox } from './lottery_sandbox';
import { message, type WireClient } from './wire_client';

const AGENCIES = [1, 2, 3];
const ENVIRONMENT = {
  SERVER_AGENCIES: String(AGENCIES.length),
  SERVER_WINNING_NUMBER: '42',
  SERVER_WAIT_HOLD_MS: '20',
};

/** The row of a bet. It wins where `number` is 42. */
export const bet = (agency: number, number = 1): string => `${agency},Ana,Gómez,${number},1999-03-17,${number}`;

/** The value of a batch. */
export const bets = (agency: number, ...numbers: number[]): string => numbers.map((n) => bet(agency, n)).join('\n');

/** A server for agencies 1 to 3, in a sandbox of its own for each case. The number 42 wins. */
export interface ProtocolFixture {
  /** Starts the server. Each case starts it once. */
  readonly start: (env?: Record<string, string>) => Promise<App>;
  readonly connect: () => Promise<WireClient>;
  /** Finishes the other agencies, so that the draw is held as soon as `agency` has finished. */
  readonly finishAllBut: (agency: number) => Promise<void>;
  readonly storedRows: () => Promise<string[]>;
}

/** Declares cases of the protocol: messages in bytes to a compiled server. */
export function describeProtocol(declareCases: (fixture: ProtocolFixture) => void): void {
  describe('the protocol of the server, in bytes', function () {
    this.timeout(20_000);
    let sandbox: LotterySandbox;
    let port: number;

    beforeEach(async () => {
      sandbox = await LotterySandbox.create();
    });

    afterEach(async () => {
      await sandbox.dispose();
    });

    const connect = (): Promise<WireClient> => sandbox.connect(port);

    declareCases({
      start: async (env = {}) => {
        const server = await sandbox.startServer({ ...ENVIRONMENT, ...env });
        port = server.port;
        return server.app;
      },
      connect,
      finishAllBut: async (agency) => {
        for (const other of AGENCIES.filter((id) => id !== agency)) {
          const connection = await connect();
          connection.write(message('N', String(other)), message('F'));
          expect([await connection.next(), await connection.next()]).to.deep.equal(['O 0', 'O 0']);
          connection.destroy();
        }
      },
      storedRows: () => sandbox.storedRows(),
    });
  });
}

/** Expects an `E` of this code and then the end of the session. */
export async function expectRefusal(connection: WireClient, code: string): Promise<void> {
  const [response, ...more] = await connection.rest();
  expect(response).to.match(new RegExp(`^E ${code}: .`));
  expect(more).to.deep.equal([]);
}
