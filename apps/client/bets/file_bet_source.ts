import { isUtf8 } from 'node:buffer';
import { inject, injectable } from 'inversify';
import { decodeBetText, readBetRow } from '../../protocol/bet_batch';
import { NOT_PLAIN, scanPlainBet } from '../../protocol/bet_scanner';
import { MSG_MAX_LENGTH } from '../../protocol/messages';
import { type BetsDigest } from '../../protocol/bets_digest';
import { ProtocolError } from '../../protocol/protocol_error';
import { RowsHash } from '../../protocol/rows_hash';
import { type ActionLog } from '../../runtime/action_log';
import { type ClientSettings } from '../settings';
import { TOKENS } from '../tokens';
import { BatchBuilder } from './batch_builder';
import { type BetSource, type OutgoingBatch } from './bet_source';
import { type DataFile, type OpenDataFile } from './data_file';
import { BadRowError, SourceMismatchError, SourceTooShortError } from './errors';
import { readLineBlocks } from './line_blocks';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF', 'utf8');
const EMPTY = new Uint8Array(0);

/**
 * The bets of an agency's file, one row `first_name,last_name,document,birthdate,number` each. The file is read as a
 * stream, in constant memory, and each row is validated before it is sent.
 */
@injectable()
export class FileBetSource implements BetSource {
  private readonly prefix: Uint8Array;

  constructor(
    @inject(TOKENS.Settings) private readonly settings: Pick<ClientSettings, 'CLI_ID' | 'CLI_BATCH_MAX_AMOUNT'>,
    @inject(TOKENS.DataFile) private readonly file: DataFile,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {
    this.prefix = Buffer.from(`${settings.CLI_ID},`, 'latin1');
  }

  async requireUsable(stop: AbortSignal): Promise<void> {
    await this.file.requireRegular(stop);
  }

  async *batches(skip: number, stop: AbortSignal): AsyncGenerator<OutgoingBatch> {
    const file = await this.file.open(stop);
    const builder = new BatchBuilder(this.settings.CLI_BATCH_MAX_AMOUNT);
    try {
      yield* this.fillBatches(builder, file, skip);
      // During a write, the file may end with a part of a row that is a valid row itself.
      await this.file.requireUnchanged(stop);
      if (builder.count > 0) yield builder.take();
    } catch (error) {
      if (!(error instanceof BadRowError || error instanceof SourceTooShortError)) throw error;
      // The invalid row may be such a part too.
      await this.file.requireUnchanged(stop);
      // The rows before a bad one are valid and are sent first.
      if (error instanceof BadRowError && builder.count > 0) yield builder.take();
      throw error;
    } finally {
      await this.close(file);
    }
  }

  async requireStored({ count, digest }: BetsDigest, stop: AbortSignal): Promise<void> {
    const found = await this.digest(count, stop);
    if (found.count < count) throw this.tooShortError(found.count, count);
    if (found.digest === digest) return;
    throw new SourceMismatchError(
      `${this.file.path}: its first ${count} rows are not the ${count} bets that the server has stored of this agency; ` +
        'they were changed, added, removed or reordered since their upload: restore them, and start the agency again',
    );
  }

  async requireUnchanged(stop: AbortSignal): Promise<void> {
    await this.file.requireUnchanged(stop);
  }

  /** Adds the rows after the first `skip` to the builder, and yields each full batch. */
  private async *fillBatches(builder: BatchBuilder, file: OpenDataFile, skip: number): AsyncGenerator<OutgoingBatch> {
    let line = 0;
    for await (const block of readLineBlocks(file)) {
      const blockIsUtf8 = isUtf8(block);
      let start = line === 0 && block.indexOf(BYTE_ORDER_MARK) === 0 ? BYTE_ORDER_MARK.length : 0;
      while (start < block.length) {
        if (line >= skip && blockIsUtf8) {
          const before = builder.count;
          start = this.addPlainRows(builder, block, start);
          line += builder.count - before;
        }
        if (builder.isFull) yield builder.take();
        else if (start < block.length) {
          const lineFeed = block.indexOf(LINE_FEED, start);
          const end = lineFeed === -1 ? block.length : lineFeed;
          if (++line > skip) yield* this.addRow(builder, trimCarriageReturn(block.subarray(start, end)), line);
          start = end + 1;
        }
      }
    }
    if (line < skip) throw this.tooShortError(line, skip);
  }

  /** The digest of the first `count` rows, or of all if the file has fewer. */
  private async digest(count: number, stop: AbortSignal): Promise<BetsDigest> {
    const file = await this.file.open(stop);
    const builder = new BatchBuilder(0, count);
    const hash = new RowsHash();
    const add = ({ value, count: added }: OutgoingBatch): void => hash.add(value, added);
    try {
      for await (const batch of this.fillBatches(builder, file, 0)) {
        add(batch);
        if (hash.count === count) break;
      }
    } catch (error) {
      if (!(error instanceof BadRowError)) throw error;
      await this.file.requireUnchanged(stop);
      // A bad row behind the last one of the digest is reported by the upload.
      if (hash.count + builder.count < count) throw error;
    } finally {
      await this.close(file);
    }
    if (builder.count > 0) add(builder.take());
    await this.file.requireUnchanged(stop);
    return hash.digest;
  }

  private tooShortError(found: number, stored: number): SourceTooShortError {
    return new SourceTooShortError(
      `${this.file.path} has ${found} bets, and the server holds ${stored} of this agency`,
    );
  }

  /**
   * Adds rows up to one that is not plain, a full batch or the end of the block (the fast path, docs/decisions/0013);
   * returns the offset of the next row.
   */
  private addPlainRows(builder: BatchBuilder, block: Uint8Array, start: number): number {
    let at = start;
    while (at < block.length) {
      const rowEnd = scanPlainBet(block, at);
      const next = rowEnd === NOT_PLAIN ? NOT_PLAIN : skipLineBreak(block, rowEnd);
      if (next === NOT_PLAIN || !builder.add(this.prefix, block, at, rowEnd)) break;
      at = next;
    }
    return at;
  }

  /** Adds any row; yields the batch that has no room for it. */
  private *addRow(builder: BatchBuilder, bytes: Uint8Array, line: number): Generator<OutgoingBatch> {
    const row = this.readRow(bytes, line);
    while (!builder.add(EMPTY, row, 0, row.length)) yield builder.take();
  }

  private async close(file: OpenDataFile): Promise<void> {
    const fields = { file: this.file.path };
    try {
      await file.close();
      this.log.info('close_file', 'success', fields);
    } catch (error) {
      this.log.warning('close_file', 'fail', { ...fields, error: (error as Error).message });
    }
  }

  /** The slow path, for rows with quotes and for invalid ones. @throws BadRowError */
  private readRow(bytes: Uint8Array, line: number): Uint8Array {
    const { CLI_ID } = this.settings;
    const place = `${this.file.path}:${line}`;
    if (bytes.length === 0) throw new BadRowError(`${place}: an empty line`);
    if (bytes.length > MSG_MAX_LENGTH) throw new BadRowError(`${place}: a line of more than ${MSG_MAX_LENGTH} bytes`);
    try {
      const text = `${CLI_ID},${decodeBetText(bytes, place)}`;
      return Buffer.from(readBetRow(text, 0, CLI_ID, place).text, 'utf8');
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      throw new BadRowError(cause.detail, { cause });
    }
  }
}

/** The offset after the line break at `at`, or `at` at the end of the block; `NOT_PLAIN` at any other byte. */
function skipLineBreak(block: Uint8Array, at: number): number {
  if (at === block.length) return at;
  const lineFeed = block[at] === CARRIAGE_RETURN ? at + 1 : at;
  return block[lineFeed] === LINE_FEED ? lineFeed + 1 : NOT_PLAIN;
}

function trimCarriageReturn(row: Uint8Array): Uint8Array {
  return row[row.length - 1] === CARRIAGE_RETURN ? row.subarray(0, -1) : row;
}
