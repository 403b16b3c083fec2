import { type Duplex } from 'node:stream';
import { expect } from 'chai';
import { ConnectSocket, type WaitOptions } from '../../lib/index';
import { FaultyStream } from '../../lib/testing/index';
import { type Agency } from '../../apps/client/agencies/agency';
import { createClientContainer } from '../../apps/client/container';
import { RunResult } from '../../apps/client/agencies/run_result';
import { CLIENT_SETTINGS } from '../../apps/client/settings';
import { TOKENS } from '../../apps/client/tokens';
import { ActionLog } from '../../apps/runtime/action_log';
import { loadSettings } from '../../apps/runtime/settings';
import { Campaign, sized } from './support/campaign';
import { DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';

type Dial = () => Promise<Duplex>;

const NEVER_STOPPED = new AbortController().signal;

/** A socket with an asynchronous creation of its stream. */
class DialledSocket extends ConnectSocket {
  private dialled: Duplex | undefined;

  constructor(private readonly dial: Dial) {
    super({ createConnection: () => this.dialled! });
  }

  override async connect(options?: WaitOptions): Promise<void> {
    this.dialled = await this.dial();
    return super.connect(options);
  }
}

/** Runs the one-bet client of the real container over `dial`, and returns the outcome of its result. */
async function placeBet(document: string, dial: Dial, stop = NEVER_STOPPED): Promise<string> {
  const bet = { NOMBRE: 'Ana', APELLIDO: 'Paz', DOCUMENTO: document, NACIMIENTO: '1999-03-17', NUMERO: '1' };
  const environment = { ...bet, CLI_SERVER_ADDRESS: '127.0.0.1:12345' };
  const settings = loadSettings(CLIENT_SETTINGS, { defaultFile: '', environment });
  const result = new RunResult(1);
  const container = createClientContainer(settings, new ActionLog('CRITICAL', () => {}), [result]);
  container.rebind(TOKENS.SocketFactory).toConstantValue(() => new DialledSocket(dial));
  await container.get<Agency>(TOKENS.Agency).run(stop);
  return result.report(0).outcome;
}

/** A place in a session: a number of bytes in one direction. */
interface Place {
  readonly direction: 'up' | 'down';
  readonly at: number;
}

/** Every byte of a complete session: `N 1` and the bet, and the two answers. */
const PLACES: readonly Place[] = [
  ...Array.from({ length: 46 }, (_, at) => ({ direction: 'up', at }) as const),
  ...Array.from({ length: 17 }, (_, at) => ({ direction: 'down', at }) as const),
];

/** Fires `stop` at a place of the stream's session. */
function stopAt(stream: Duplex, { direction, at }: Place, stop: AbortController): void {
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes >= at) stop.abort('SIGTERM');
  };
  if (direction === 'down') stream.on('data', count);
  const write = stream.write.bind(stream) as (chunk: Buffer, onRoom: () => void) => boolean;
  stream.write = ((chunk: Buffer, onRoom: () => void) => {
    if (direction === 'up') count(chunk);
    return write(chunk, onRoom);
  }) as typeof stream.write;
}

/** Compares the outcome of a bet with the rows in the store. */
class OutcomeCheck {
  /** The number of cases for each outcome and number of stored rows. */
  readonly seen = new Map<string, number>();

  /** @param dial makes a connection to the server, by its number from 1 on. */
  async require(dial: (server: MemoryLottery, connection: number) => Promise<Duplex>, stop?: AbortSignal) {
    const disk = new DiskModel();
    const server = new MemoryLottery({ directory: disk, agencies: 1 });
    let connections = 0;
    const outcome = await placeBet('1', () => dial(server, ++connections), stop);
    expect(await server.stop(), server.log.join('')).to.equal(0);
    const rows = (disk.kernelImage().get('bets.csv') ?? Buffer.alloc(0)).toString('utf8').split('\n');
    const stored = rows.filter((row) => row === '1,Ana,Paz,1,1999-03-17,1').length;
    if (outcome === 'unknown') expect(stored).to.be.within(0, 1);
    else expect(stored, outcome).to.equal(outcome === 'stored' ? 1 : 0);
    const key = `${outcome}, ${stored} in the store`;
    this.seen.set(key, (this.seen.get(key) ?? 0) + 1);
  }

  /** Requires cases with these outcomes: without them, the campaign has tested nothing. */
  requireSeen(...keys: string[]): void {
    for (const key of keys) expect(this.seen, key).to.include.keys(key);
  }

  toString(): string {
    return Array.from(this.seen, ([key, count]) => `${count} ${key}`).join(', ');
  }
}

describe('torture: one bet', function () {
  this.timeout(sized(60_000, 600_000));

  const cuts = new Campaign('a one-bet client cut (FIN, RST) at every byte, either side, alone and beside a rival');
  const stops = new Campaign('a one-bet client stopped at every byte, either side');

  it('has a true outcome after a cut at any byte', async () => {
    const check = new OutcomeCheck();
    const cases: Promise<void>[] = [];
    for (const hasRival of [false, true]) {
      for (const kind of ['cutAt', 'resetAt']) {
        for (const { direction, at } of PLACES) {
          const faults = { [direction === 'up' ? 'outgoing' : 'incoming']: { [kind]: at } };
          const work = (): Promise<void> =>
            check.require(async (server, connection) => {
              if (connection === 1) return new FaultyStream(await server.dial(), faults);
              if (hasRival && connection === 2) expect(await placeBet('2', () => server.dial())).to.equal('stored');
              return server.dial();
            });
          cases.push(cuts.run(`${kind} ${at} ${direction}${hasRival ? ', beside a rival' : ''}`, work));
        }
      }
    }
    await Promise.all(cases);
    check.requireSeen('stored, 1 in the store', 'unknown, 0 in the store', 'unknown, 1 in the store');
    cuts.note(check.toString());
  });

  it('has a true outcome after a stop at any byte', async () => {
    const check = new OutcomeCheck();
    const byBytes = { outgoing: { pieceBytes: 1 }, incoming: { pieceBytes: 1 } };
    const cases = PLACES.map((place) =>
      stops.run(`stop at ${place.at} ${place.direction}`, async () => {
        const stop = new AbortController();
        await check.require(async (server) => {
          const stream = await server.dial();
          stopAt(stream, place, stop);
          return new FaultyStream(stream, byBytes);
        }, stop.signal);
      }),
    );
    await Promise.all(cases);
    check.requireSeen('stored, 1 in the store', 'stopped, 0 in the store');
    stops.note(check.toString());
  });
});
