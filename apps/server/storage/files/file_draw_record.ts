import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../../runtime/action_log';
import { type DrawRecord, type DrawTerms } from '../../domain/draw_record';
import { StoreDamagedError, StoreWriteError } from '../../domain/store_errors';
import { TOKENS } from '../../tokens';
import { requireInPlace } from './disk/directory_watch';
import { type StoreDirectory, type StoreFile, writeAll } from './disk/file_system';
import { type StoreHealth } from './disk/store_health';
import { Journal } from './log/journal';
import { type StorePart } from './store_part';

const EVIDENCE = 'draw.json';

/** Records the draw in `draw.journal`: one record, `draw NUMBER AGENCIES`. Its evidence is in `draw.json`. */
@injectable()
export class FileDrawRecord implements DrawRecord, StorePart {
  private readonly journal: Journal;
  private terms: DrawTerms | undefined;

  constructor(
    @inject(TOKENS.StoreDirectory) private readonly directory: StoreDirectory,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
    @inject(TOKENS.StoreHealth) private readonly health: StoreHealth,
  ) {
    this.journal = new Journal(directory, 'draw.journal', health);
  }

  async open(stop: AbortSignal): Promise<void> {
    const [record] = await this.journal.open(stop);
    if (record !== undefined) this.terms = parseDraw(record);
  }

  async recover(stop: AbortSignal): Promise<void> {
    await this.journal.recover(this.log, stop);
  }

  get hasRecords(): boolean {
    return this.terms !== undefined;
  }

  get missingFiles(): readonly string[] {
    return this.journal.exists ? [] : [this.journal.name];
  }

  /** The terms of the recorded draw, or undefined before the draw. */
  get heldTerms(): DrawTerms | undefined {
    return this.terms;
  }

  async record(terms: DrawTerms): Promise<void> {
    if (this.terms !== undefined) return;
    await requireInPlace(this.directory, this.health);
    await this.journal.write(`draw ${terms.number} ${terms.agencies}`);
    this.terms = terms;
  }

  async readEvidence(): Promise<string | undefined> {
    const file = await this.directory.open(EVIDENCE);
    if (file === undefined) return undefined;
    try {
      return await readText(file);
    } finally {
      await file.close();
    }
  }

  /** A crash can leave a part of the text. The next start writes it again. */
  async writeEvidence(text: string): Promise<void> {
    await requireInPlace(this.directory, this.health);
    try {
      const file = (await this.directory.open(EVIDENCE)) ?? (await this.directory.create(EVIDENCE));
      try {
        await file.truncate(0);
        await writeAll(file, [Buffer.from(text, 'utf8')], 0);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.directory.sync();
    } catch (cause) {
      throw new StoreWriteError(`${EVIDENCE} could not be written`, { cause });
    }
  }

  async close(): Promise<void> {
    await this.journal.close();
  }
}

async function readText(file: StoreFile): Promise<string> {
  const bytes = Buffer.alloc(await file.size());
  for (let at = 0; at < bytes.length;) {
    const bytesRead = await file.read(bytes.subarray(at), at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.toString('utf8');
}

/** @throws StoreDamagedError this version writes no such record. */
export function parseDraw(record: string): DrawTerms {
  const match = /^draw (\d+) (\d+)$/.exec(record);
  if (match === null)
    throw new StoreDamagedError(`draw.journal: ${JSON.stringify(record)} is no record of this version`);
  return { number: Number(match[1]), agencies: Number(match[2]) };
}
