import { type Duplex } from 'node:stream';
import { generateBets } from '../../support/generated_bets';
import { type DiskModel } from './disk_model';
import { MemoryLottery, type MemoryLotteryOptions } from './memory_lottery';
import { requireComplete } from './oracle';
import { FinalAnswerError, RecordingAgency } from './recording_agency';

/** The agencies of a small run, each with `bets` bets in batches of `betsPerBatch`. */
export function smallAgencies(
  count: number,
  { bets = 7, betsPerBatch = 2, window = 2, hasRivals = false } = {},
): RecordingAgency[] {
  return Array.from({ length: count }, (_, index) => {
    const id = index + 1;
    const beforeRetry = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    return new RecordingAgency({ id, bets: generateBets(id, bets, 4), betsPerBatch, window, hasRivals, beforeRetry });
  });
}

/** Runs a server until all agencies have their winners, stops it, and compares the store with the complete input. */
export async function runToTheEnd(
  disk: DiskModel,
  agencies: readonly RecordingAgency[],
  options: Partial<MemoryLotteryOptions> = {},
): Promise<MemoryLottery> {
  const server = new MemoryLottery({ directory: disk, agencies: agencies.length, ...options });
  server.ended.catch(() => {});
  await Promise.race([
    Promise.all(agencies.map((agency) => agency.run(() => dialUntilTheEnd(server)))),
    server.ended.then((code) => {
      throw new Error(`the server ended with ${code} before the agencies had their winners: ${server.log.join('')}`);
    }),
  ]);
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server ended with ${code}: ${server.log.join('')}`);
  if (disk.openFiles > 0) throw new Error(`the server left ${disk.openFiles} files open`);
  requireComplete(disk.kernelImage().get('bets.csv'), agencies);
  return server;
}

/** Connects to the server. After its end the agency gives up, because a server in this process does not restart. */
export async function dialUntilTheEnd(server: MemoryLottery): Promise<Duplex> {
  if (server.isOver) throw new FinalAnswerError('the server has ended');
  return server.dial();
}

/** A snapshot of the agency: it has the same record, and can continue by itself. */
export function snapshotOf(agency: RecordingAgency): RecordingAgency {
  const copy = Object.create(Object.getPrototypeOf(agency) as object) as RecordingAgency;
  return Object.assign(copy, agency, { errors: [], winners: undefined, onAcknowledged: () => {} });
}
