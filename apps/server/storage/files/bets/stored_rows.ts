import { join } from 'node:path';
import { StoreDamagedError, StoreLocationError } from '../../../domain/store_errors';
import { openForReading, readRange } from '../disk/file_system';
import { closeBetFiles, findBets, type FoundBets, missingBetFiles } from './bet_recovery';

/**
 * Reads the bets of a data directory, in pieces of bets.csv. It takes no lock and changes nothing, so a server may run on
 * the directory. Every commit is checked before the first piece. The pieces have all bets that were acknowledged before
 * the call, and whole batches only; like a copy of a running store (docs/durability.md) they may also have the commit in
 * progress. A piece is valid until the next one is requested.
 *
 * @throws StoreLocationError the directory has no store.
 * @throws StoreDamagedError, StoreStoppedError
 */
export async function* readStoredRows(path: string, stop: AbortSignal): AsyncGenerator<Buffer> {
  const found = await findBets({ open: (name) => openForReading(join(path, name)) }, stop);
  try {
    requireFiles(found);
    if (found.bets === undefined) return;
    let at = 0;
    for await (const piece of readRange(found.bets, 0, found.content.betsEnd, stop)) {
      yield piece;
      at += piece.length;
    }
    if (at < found.content.betsEnd) throw new StoreDamagedError(`bets.csv was cut at byte ${at} during the reading`);
  } finally {
    await closeBetFiles(found);
  }
}

function requireFiles(found: FoundBets): void {
  const missing = missingBetFiles(found);
  if (missing.length === 0) return;
  if (found.bets === undefined && found.journal === undefined) throw new StoreLocationError('it holds no bets');
  if (found.content.hasRecords) throw new StoreDamagedError(`missing: ${missing.join(', ')}`);
}
