import { type Duplex } from 'node:stream';
import { expect } from 'chai';
import { FaultyStream, type FaultyStreamOptions } from '../../lib/testing/index';
import { generateBets, storedRow } from '../support/generated_bets';
import { message } from '../support/wire_client';
import { Campaign, sized } from './support/campaign';
import { DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireComplete } from './support/oracle';
import { type RecordingAgency } from './support/recording_agency';
import { smallAgencies } from './support/small_run';

/** The number of bytes in each direction of the agency's session. */
interface Traffic {
  readonly up: number;
  readonly down: number;
}

describe('torture: the connection', function () {
  this.timeout(sized(90_000, 900_000));

  const oneAgency = (): RecordingAgency => smallAgencies(1, { bets: 5, betsPerBatch: 2, window: 3 })[0]!;

  async function measure(): Promise<Traffic> {
    const server = new MemoryLottery({ directory: new DiskModel(), agencies: 1 });
    const traffic = { up: 0, down: 0 };
    const agency = oneAgency();
    await agency.run(async () => {
      const stream = await server.dial();
      const write = stream.write.bind(stream) as (bytes: Buffer) => boolean;
      stream.write = ((bytes: Buffer) => {
        traffic.up += bytes.length;
        return write(bytes);
      }) as typeof stream.write;
      stream.on('data', (bytes: Buffer) => (traffic.down += bytes.length));
      return stream;
    });
    await server.stop();
    return traffic;
  }

  /** Only the first session has the faults. The agency must finish, and the store must be exact. */
  async function requireExact(faults: FaultyStreamOptions, overTcp: boolean): Promise<void> {
    const disk = new DiskModel();
    const server = new MemoryLottery({ directory: disk, agencies: 1, overTcp });
    const agency = oneAgency();
    let sessions = 0;
    await agency.run(async (): Promise<Duplex> => {
      const stream = await server.dial();
      return sessions++ === 0 ? new FaultyStream(stream, faults) : stream;
    });
    expect(await server.stop(), server.log.join('')).to.equal(0);
    requireComplete(disk.kernelImage().get('bets.csv'), [agency]);
  }

  for (const overTcp of [false, true]) {
    const transport = overTcp ? 'TCP' : 'memory';
    const cuts = new Campaign(`a session over ${transport} cut (FIN, RST, either side) at every byte`);
    const pieces = new Campaign(`a session over ${transport} in single bytes, split at every byte, delayed`);

    it(`over ${transport}: the upload continues after a cut at any byte`, async () => {
      const { up, down } = await measure();
      const stride = overTcp ? sized(7, 1) : sized(3, 1);
      for (const kind of ['cutAt', 'resetAt'] as const) {
        for (let at = 0; at <= up; at += stride) {
          await cuts.run(`${kind} ${at} of ${up} up`, () => requireExact({ outgoing: { [kind]: at } }, overTcp));
        }
        for (let at = 0; at <= down; at += stride) {
          await cuts.run(`${kind} ${at} of ${down} down`, () => requireExact({ incoming: { [kind]: at } }, overTcp));
        }
      }
    });

    it(`over ${transport}: the store is exact for any pieces and delays`, async () => {
      const { up, down } = await measure();
      const stride = overTcp ? sized(11, 1) : sized(3, 1);
      await pieces.run('single bytes', () =>
        requireExact({ outgoing: { pieceBytes: 1 }, incoming: { pieceBytes: 1 } }, overTcp),
      );
      for (let at = 1; at < up; at += stride) {
        await pieces.run(`split at ${at}`, () => requireExact({ outgoing: { slices: [at] } }, overTcp));
      }
      for (let delay = 0; delay < sized(10, 200); delay++) {
        await pieces.run('delays', (random) =>
          requireExact(
            {
              outgoing: { delays: [0, 1, 2].map(() => ({ offset: random.below(up), ms: random.below(5) })) },
              incoming: { delays: [{ offset: random.below(down), ms: random.below(5) }] },
            },
            overTcp,
          ),
        );
      }
    });
  }

  describe('a refused batch among 100 in flight', () => {
    const refusals = new Campaign('one of 100 batches in flight refused: bad, or not stored');

    for (const overTcp of [false, true]) {
      it(`over ${overTcp ? 'TCP' : 'memory'}: the E is the last answer, and no later batch is stored`, async () => {
        for (let bad = 0; bad < 100; bad += sized(33, 1)) {
          const disk = new DiskModel();
          const server = new MemoryLottery({ directory: disk, agencies: 1000, overTcp });
          for (const kind of ['bad-bet', 'wrong-agency', 'too-long', 'bad-type', 'storage'] as const) {
            await refusals.run(`${kind} at batch ${bad}`, async () => {
              disk.fault = () => undefined;
              const id = ++agencies;
              const { batches, stored } = pipeline(id, bad, kind, disk);
              const answers = await exchange(await server.dial(), batches);
              const last = answers.pop();
              expect(last, 'the last answer').to.match(new RegExp(`^E ${kind}: `));
              const counts = answers.map((answer) => Number(/^O (\d+)$/.exec(answer)?.[1]));
              expect(counts).to.deep.equal(Array.from(counts, (_, index) => index * ROWS));
              if (kind !== 'storage') expect(counts).to.have.lengthOf(bad + 1);
              const kept = disk.kernelImage().get('bets.csv')!.toString('utf8').split('\n');
              expect(kept.filter((row) => row.startsWith(`${id},`))).to.deep.equal(stored(counts.at(-1)!));
            });
          }
          expect(await server.stop()).to.equal(0);
        }
      });
    }

    let agencies = 0;
    const ROWS = 40;

    function pipeline(id: number, bad: number, kind: string, disk: DiskModel) {
      const bets = generateBets(id, 100 * ROWS);
      const rows = bets.map((bet) => storedRow(id, bet));
      const batches = [message('N', String(id))];
      for (let batch = 0; batch < 100; batch++) {
        const value = rows.slice(batch * ROWS, (batch + 1) * ROWS).join('\n');
        if (batch !== bad || kind === 'storage') batches.push(message('B', value));
        else if (kind === 'bad-bet') batches.push(message('B', `${value}x`));
        else if (kind === 'wrong-agency') batches.push(message('B', `${value}\n1${rows[0]}`));
        else if (kind === 'too-long') batches.push(message('B', value.padEnd(8193)));
        else batches.push(message('Z', value));
      }
      if (kind === 'storage') {
        let writes = 0;
        disk.fault = ({ operation, file }) =>
          operation === 'write' && file === 'bets.csv' && writes++ === Math.min(bad, 2)
            ? { kind: 'error', code: 'ENOSPC' }
            : undefined;
      }
      return { batches, stored: (count: number) => rows.slice(0, count) };
    }

    /** Sends all messages at once. Returns all messages of the server. */
    async function exchange(stream: Duplex, messages: readonly Buffer[]): Promise<string[]> {
      const chunks: Buffer[] = [];
      stream.write(Buffer.concat(messages));
      for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
      stream.end();
      let received = Buffer.concat(chunks);
      const answers: string[] = [];
      while (received.length > 0) {
        const end = 7 + received.readUIntLE(1, 6);
        answers.push(`${received.toString('latin1', 0, 1)} ${received.toString('utf8', 7, end)}`);
        received = received.subarray(end);
      }
      return answers;
    }
  });
});
