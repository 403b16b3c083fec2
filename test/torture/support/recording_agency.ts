import { type Duplex } from 'node:stream';
import { type BetFields, storedRow, winnersAmong } from '../../support/generated_bets';
import { message } from '../../support/wire_client';

/** Makes a connection to the server, or fails. */
export type Dial = () => Promise<Duplex>;

export interface RecordingAgencyOptions {
  readonly id: number;
  readonly bets: readonly BetFields[];
  readonly betsPerBatch: number;
  /** Batches in flight. */
  readonly window: number;
  /** Whether other sessions upload the same file for the same agency at the same time. */
  readonly hasRivals?: boolean;
  /** Waits before another attempt. After its rejection, the agency gives up. */
  readonly beforeRetry: () => Promise<void>;
}

/** An `E` without a retry. */
export class FinalAnswerError extends Error {}

/** The server has violated the protocol or lost a bet. */
export class BrokenPromiseError extends Error {}

/** The retryable codes of the protocol. */
const RETRYABLE = ['timeout', 'busy', 'storage', 'shutting-down'];

/**
 * An agency on raw bytes, written from the text of the protocol alone. It records the acknowledgements of the server, and
 * checks each answer against the record. The suite compares the store with this record.
 */
export class RecordingAgency {
  readonly id: number;
  /** The number of bets in the acknowledgements received so far. */
  acknowledged = 0;
  /** Whether the finish is acknowledged. */
  hasFinished = false;
  /** Whether the server has answered `R`: the draw is held. */
  isDrawHeld = false;
  winners: readonly string[] | undefined;
  /** The received `E`s, in order. */
  readonly errors: string[] = [];
  /** Called after each acknowledgement. */
  onAcknowledged: () => void = () => {};
  /** The number of sent bets. No later bet can be stored. */
  private sent = 0;

  /** The rows of the bets in the form of the store. */
  readonly rows: readonly string[];

  constructor(private readonly options: RecordingAgencyOptions) {
    this.id = options.id;
    this.rows = options.bets.map((bet) => storedRow(options.id, bet));
  }

  get bets(): readonly BetFields[] {
    return this.options.bets;
  }

  /** Whether this number of bets is possible in the store: whole batches, all of them sent. */
  couldBeStored(count: number): boolean {
    const isBatchEnd = count % this.options.betsPerBatch === 0 || count === this.bets.length;
    return isBatchEnd && (count <= this.sent || this.options.hasRivals === true);
  }

  /** Uploads, finishes and waits for its winners, on any number of connections. */
  async run(dial: Dial): Promise<void> {
    while (this.winners === undefined) {
      try {
        await this.converse(dial);
      } catch (error) {
        if (error instanceof FinalAnswerError || error instanceof BrokenPromiseError) throw error;
        await this.options.beforeRetry();
      }
    }
  }

  /** Runs one session, until the winners or until its end. */
  async converse(dial: Dial): Promise<void> {
    const session = new WireSession(await dial(), this.errors);
    try {
      session.send('N', String(this.id));
      await this.upload(session, this.takeCount(await session.receive('O')));
      session.send('F', String(this.bets.length));
      this.takeCount(await session.receive('O'));
      this.hasFinished = true;
      this.onAcknowledged();
      await this.waitForDraw(session);
      await this.receiveWinners(session);
    } finally {
      session.end();
    }
  }

  private async upload(session: WireSession, stored: number): Promise<void> {
    const ends: number[] = [];
    for (let next = stored; next < this.bets.length || ends.length > 0;) {
      while (next < this.bets.length && ends.length < this.options.window) {
        const end = Math.min(this.bets.length, next + this.options.betsPerBatch);
        session.send('B', this.rows.slice(next, end).join('\n'));
        ends.push(end);
        next = end;
        this.sent = Math.max(this.sent, end);
      }
      const count = this.takeCount(await session.receive('O'));
      const expected = ends.shift();
      if (count !== expected)
        throw new BrokenPromiseError(`agency ${this.id}: O ${count} for the batch to ${expected}`);
    }
  }

  private takeCount(text: string): number {
    const count = Number(text);
    if (count < this.acknowledged) {
      throw new BrokenPromiseError(
        `agency ${this.id}: ${this.acknowledged} were acknowledged, now ${count} are stored`,
      );
    }
    if (!this.couldBeStored(count)) {
      throw new BrokenPromiseError(
        `agency ${this.id}: ${count} stored bets are no whole batches of the ${this.sent} sent`,
      );
    }
    this.acknowledged = count;
    this.onAcknowledged();
    return count;
  }

  private async waitForDraw(session: WireSession): Promise<void> {
    for (;;) {
      session.send('A');
      const { type } = await session.receiveAny();
      if (type === 'R') break;
      if (type !== 'W') throw new BrokenPromiseError(`${type} for an A`);
      if (this.isDrawHeld) throw new BrokenPromiseError(`agency ${this.id}: the draw was held, and is not any more`);
      await this.options.beforeRetry();
    }
    this.isDrawHeld = true;
    this.onAcknowledged();
  }

  private async receiveWinners(session: WireSession): Promise<void> {
    session.send('N', String(this.id));
    const winners: string[] = [];
    for (;;) {
      const { type, text } = await session.receiveAny();
      if (type === 'R') winners.push(...text.split(','));
      else if (type === 'O' && Number(text) === winners.length) break;
      else throw new BrokenPromiseError(`${type} ${text} among the winners`);
    }
    const expected = winnersAmong(this.bets);
    if (winners.join() !== expected.join()) {
      throw new BrokenPromiseError(`agency ${this.id}: the winners are ${winners.join()}, not ${expected.join()}`);
    }
    this.winners = winners;
  }
}

/** Messages on a stream. The end of the connection ends every wait. */
class WireSession {
  private received = Buffer.alloc(0);
  private failure: Error | undefined;
  private wake: () => void = () => {};

  constructor(
    private readonly stream: Duplex,
    private readonly errors: string[],
  ) {
    const fail = (reason: string): void => {
      this.failure ??= new Error(reason);
      this.wake();
    };
    stream.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    stream.on('end', () => fail('the server ended the connection'));
    stream.on('error', (error) => fail(error.message));
    stream.on('close', () => fail('the connection is closed'));
  }

  send(type: string, value = ''): void {
    if (this.stream.writable) this.stream.write(message(type, value));
  }

  async receive(wanted: string): Promise<string> {
    const { type, text } = await this.receiveAny();
    if (type !== wanted) throw new BrokenPromiseError(`${type} ${text} instead of ${wanted}`);
    return text;
  }

  async receiveAny(): Promise<{ type: string; text: string }> {
    for (;;) {
      const next = this.take();
      if (next?.type === 'E') throw this.refusal(next.text);
      if (next !== undefined) return next;
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  end(): void {
    this.stream.on('error', () => {});
    this.stream.end();
    this.stream.resume();
    if (this.failure !== undefined) this.stream.destroy();
  }

  private take(): { type: string; text: string } | undefined {
    if (this.received.length < 7) return undefined;
    const end = 7 + this.received.readUIntLE(1, 6);
    if (this.received.length < end) return undefined;
    const message = { type: String.fromCharCode(this.received[0]!), text: this.received.toString('utf8', 7, end) };
    this.received = this.received.subarray(end);
    return message;
  }

  private refusal(text: string): Error {
    this.errors.push(text);
    const code = text.slice(0, text.indexOf(':'));
    return RETRYABLE.includes(code) ? new Error(text) : new FinalAnswerError(text);
  }
}
