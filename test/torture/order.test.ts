import { expect } from 'chai';
import { FaultyStream } from '../../lib/testing/index';
import { useFakeTimers } from 'sinon';
import { PeerSocket } from '../../lib/index';
import { storedRow, winnersAmong } from '../support/generated_bets';
import { Campaign, sized } from './support/campaign';
import { DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireComplete, requireKept } from './support/oracle';
import { BrokenPromiseError, FinalAnswerError, type RecordingAgency } from './support/recording_agency';
import { type SeededRandom } from './support/seeded_random';
import { dialUntilTheEnd, snapshotOf, runToTheEnd, smallAgencies } from './support/small_run';
import { message } from '../support/wire_client';

/** Waits for some turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => void setImmediate(resolve));
}

/** Sends the messages on a new connection. Returns at most one answer for each. */
async function exchange(server: MemoryLottery, ...messages: readonly Buffer[]): Promise<string[]> {
  const socket = new PeerSocket(await server.dial());
  await socket.sendMany(messages);
  const answers: string[] = [];
  while (answers.length < messages.length) {
    const answer = await socket.recvFrame(7, (header) => 7 + header.readUIntLE(1, 6), { idleTimeoutMs: 5_000 });
    if (answer === null) break;
    answers.push(`${answer.toString('latin1', 0, 1)} ${answer.toString('utf8', 7)}`.trimEnd());
  }
  await socket.lingeringClose({ timeoutMs: 1_000 });
  return answers;
}

const N = (id: number): Buffer => message('N', String(id));
const F = (total: number | string): Buffer => message('F', String(total));
const A = message('A');

function batchOf(agency: RecordingAgency, start: number, end: number): Buffer {
  const bets = agency.bets.slice(start, end);
  return message('B', bets.map((bet) => storedRow(agency.id, bet)).join('\n'));
}

describe('torture: the order of events', function () {
  this.timeout(sized(60_000, 900_000));

  describe('stops', () => {
    const stops = new Campaign('a stop (as by SIGTERM) at a random moment, then a start');

    it('answer the batches in flight, end with exit code 0, and lose no bet', async () => {
      for (let stop = 0; stop < sized(60, 2000); stop++) {
        await stops.run('stop', async (random) => {
          const disk = new DiskModel();
          const agencies = smallAgencies(2, { bets: 12, betsPerBatch: 2, window: 3 });
          const server = new MemoryLottery({ directory: disk, agencies: 2 });
          const uploads = agencies.map((agency) => agency.run(() => dialUntilTheEnd(server)));
          const settled = Promise.allSettled(uploads);
          await turns(random.below(90));
          expect(await server.stop(), server.log.join('')).to.equal(0);
          for (const outcome of await settled) {
            if (outcome.status === 'rejected' && outcome.reason instanceof BrokenPromiseError) throw outcome.reason;
          }
          requireKept(disk.kernelImage().get('bets.csv'), agencies);
          // The next start drops nothing.
          const next = await runToTheEnd(disk, agencies.map(snapshotOf));
          expect(next.log.filter((line) => line.includes('recover_'))).to.deep.equal([]);
        });
      }
    });
  });

  describe('finishing', () => {
    const finishes = new Campaign('finish twice, with a wrong total, before any bet, after the draw, across restarts');

    /** Two agencies; the second has no bets. Each case runs on one server, or with a restart before each session. */
    for (const restarts of [false, true]) {
      it(`counts once, for good${restarts ? ', also over restarts' : ''}`, async () => {
        const [agency] = smallAgencies(2, { bets: 4 }) as [RecordingAgency];
        const disk = new DiskModel();
        const open = (): MemoryLottery => new MemoryLottery({ directory: disk, agencies: 2 });
        let server = open();
        const session = async (name: string, messages: readonly Buffer[], answers: readonly (string | RegExp)[]) => {
          await finishes.run(name, async () => {
            const received = await exchange(server, ...messages);
            expect(received.length, received.join(' / ')).to.equal(answers.length);
            for (const [index, answer] of answers.entries()) expect(received[index]).to.match(new RegExp(answer));
          });
          if (!restarts) return;
          expect(await server.stop()).to.equal(0);
          server = open();
        };
        await session('F without a name', [F(0)], [/^E unidentified: /]);
        await session(
          'a total too low',
          [N(1), batchOf(agency, 0, 3), F(2)],
          ['^O 0$', '^O 3$', /^E count-mismatch: /],
        );
        await session('a total too high', [N(1), F(4)], ['^O 3$', /^E count-mismatch: /]);
        await session('no canonical total', [N(1), F('03')], ['^O 3$', /^E bad-value: /]);
        await session('a bet after the refused totals', [N(1), batchOf(agency, 3, 4)], ['^O 3$', '^O 4$']);
        await session('twice', [N(1), F(4), F(4), F('')], ['^O 4$', '^O 4$', '^O 4$', '^O 4$']);
        await session('again, wrong', [N(1), F(3)], ['^O 4$', /^E count-mismatch: /]);
        await session('a bet after the finish', [N(1), batchOf(agency, 0, 1)], ['^O 4$', /^E out-of-order: /]);
        await session('A before the others', [N(1), A], ['^O 4$', '^W 1/2$']);
        await session('before any bet', [N(2), F('')], ['^O 0$', '^O 0$']);
        await session('after the draw', [N(1), F(4), A], ['^O 4$', '^O 4$', '^R$']);
        const winners = winnersAmong(agency.bets);
        const named = winners.length > 0 ? [`^R ${winners.join(',')}$`] : [];
        await session(
          'the winners',
          [N(1), A, N(1), ...named.map(() => N(1))],
          ['^O 4$', '^R$', ...named, `^O ${winners.length}$`],
        );
        await session('the winners of no bets', [N(2), A, N(2)], ['^O 0$', '^R$', '^O 0$']);
        await session("another's winners", [N(2), A, N(1)], ['^O 0$', '^R$', /^E wrong-agency: /]);
        await session('a bet after the draw', [N(2), batchOf(agency, 0, 1)], ['^O 0$', /^E /]);
        await session('an unexpected agency', [N(3)], [/^E unknown-agency: /]);
        expect(await server.stop()).to.equal(0);
        requireComplete(disk.kernelImage().get('bets.csv'), smallAgencies(1, { bets: 4, hasRivals: true }));
      });
    }
  });

  describe('restarts between finish and winners', () => {
    const restarts = new Campaign('the server restarted, or killed, after each message of a session');

    it('continue from every state', async () => {
      for (const killed of [false, true]) {
        for (let cut = 0; cut <= 8; cut++) {
          await restarts.run(`${killed ? 'killed' : 'stopped'} after message ${cut}`, async () => {
            const [one, two] = smallAgencies(2, { bets: 4 }) as [RecordingAgency, RecordingAgency];
            let disk = new DiskModel();
            const server = new MemoryLottery({ directory: disk, agencies: 2 });
            if (cut > 5) await exchange(server, N(2), batchOf(two, 0, 2), batchOf(two, 2, 4), F(4));
            const messages = [N(1), batchOf(one, 0, 2), batchOf(one, 2, 4), F(4), F(''), A, N(1), N(1)].slice(0, cut);
            await exchange(server, ...messages);
            const left = disk.freeze();
            await server.stop();
            if (killed) disk = left;
            await runToTheEnd(disk, smallAgencies(2, { bets: 4, hasRivals: true }));
          });
        }
      }
    });
  });

  describe('races', () => {
    const races = new Campaign('two and five sessions of one agency racing');

    it('have one successful session, and no lost or duplicate bet', async () => {
      for (let race = 0; race < sized(30, 1000); race++) {
        for (const rivals of [2, 5]) {
          await races.run(`${rivals} rivals`, async (random) => requireOneWinner(rivals, random));
        }
      }
    });

    async function requireOneWinner(rivals: number, random: SeededRandom): Promise<void> {
      const disk = new DiskModel();
      const server = new MemoryLottery({ directory: disk, agencies: 1 });
      const shape = { bets: 12, betsPerBatch: 2, window: random.between(1, 4), hasRivals: true };
      const racers = Array.from({ length: rivals }, () => smallAgencies(1, shape)[0]!);
      const outcomes = await Promise.allSettled(
        racers.map(async (agency) => {
          await turns(random.below(25));
          await agency.run(async () => {
            const delays = [{ offset: random.below(200), ms: random.below(3) }];
            const faults = random.once(3) ? { outgoing: { delays, pieceBytes: random.between(1, 50) } } : {};
            return new FaultyStream(await server.dial(), faults);
          });
        }),
      );
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        const isSuperseded = outcome.reason instanceof FinalAnswerError && /^superseded: /.test(outcome.reason.message);
        if (!isSuperseded) throw outcome.reason as Error;
      }
      expect(
        outcomes.some(({ status }) => status === 'fulfilled'),
        'one session succeeds',
      ).to.equal(true);
      expect(await server.stop()).to.equal(0);
      requireComplete(disk.kernelImage().get('bets.csv'), [racers[0]!]);
    }
  });

  describe('a change of the wall clock', () => {
    const clocks = new Campaign('the wall clock set back and forward during a run');

    it('affects only the time in the log', async () => {
      for (const days of [-1, 1, -365]) {
        await clocks.run(`${days} days`, async () => {
          const clock = useFakeTimers({ now: Date.now(), toFake: ['Date'] });
          try {
            const disk = new DiskModel();
            let steps = 0;
            disk.onStep = () => {
              if (++steps % 20 === 0) clock.setSystemTime(Date.now() + days * 86_400_000);
            };
            await runToTheEnd(disk, smallAgencies(2));
          } finally {
            clock.restore();
          }
        });
      }
    });
  });
});
