import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { DiskDirectory, type StoreDirectory } from '../../../apps/server/storage/files/disk/file_system';
import { MemoryLottery } from './memory_lottery';
import { requireComplete, requireKept } from './oracle';
import { type RecordingAgency } from './recording_agency';
import { dialUntilTheEnd, snapshotOf } from './small_run';

/**
 * The requirements on a copy: it holds all bets acknowledged before its begin, and only bets sent before its end.
 *
 * @param before a snapshot at the begin of the copy.
 * @param after the agency at the end of the copy.
 */
export function requirementsOf(before: RecordingAgency, after: RecordingAgency): RecordingAgency {
  const { acknowledged, hasFinished, isDrawHeld } = before;
  return Object.assign(snapshotOf(after), { acknowledged, hasFinished, isDrawHeld });
}

export function requireFinishes(journal: string, agencies: readonly RecordingAgency[]): void {
  const finishes = new Set(journal.match(/\b\d+:\d+\b/g));
  for (const { id, hasFinished, bets } of agencies) {
    if (hasFinished) expect(Array.from(finishes)).to.include(`${id}:${bets.length}`);
  }
}

/** Starts a server on a store. Returns it with its refusal of the store, or without one. */
export async function tryStart(
  directory: StoreDirectory,
  agencies: number,
): Promise<{ readonly server: MemoryLottery; readonly problem: Error | undefined }> {
  const server = new MemoryLottery({ directory, agencies });
  const problem = await server.dial().then(
    (probe) => void probe.destroy(),
    (error: Error) => new Error(`${error.message}: ${server.log.join('')}`),
  );
  return { server, problem };
}

/** Starts a server on a copy: all acknowledged bets are stored, and the agencies receive their winners. */
export async function requireGoodCopy(path: string, agencies: readonly RecordingAgency[]): Promise<void> {
  const csv = (): Promise<Buffer> => readFile(join(path, 'bets.csv'));
  requireFinishes(await readFile(join(path, 'finished.journal'), 'utf8'), agencies);
  const { server, problem } = await tryStart(new DiskDirectory(path), agencies.length);
  if (problem !== undefined) throw problem;
  requireKept(await csv(), agencies);
  await Promise.all(agencies.map((agency) => agency.run(() => dialUntilTheEnd(server))));
  expect(await server.stop(), server.log.join('')).to.equal(0);
  requireComplete(await csv(), agencies);
}
