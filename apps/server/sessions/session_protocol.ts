import { decodeUtf8, InvalidTextError } from '../../../lib/index';
import { type BetBatch, betsOf, readBetBatch } from '../../protocol/bet_batch';
import { formatBetsDigest } from '../../protocol/bets_digest';
import { parseCanonicalNumber } from '../../protocol/canonical_number';
import { type LotteryMessage, MessageType, textMessage } from '../../protocol/messages';
import { ProtocolError } from '../../protocol/protocol_error';
import { splitWinners } from '../../protocol/winner_list';
import { type AgencyClaim } from '../domain/agency_claim';
import { type SessionResponse } from './response_queue';
import { type SessionContext } from './session_context';
import { type SessionServices } from './session_services';

/** The phase of a session, in the protocol's order of messages. */
type Phase =
  /** No message has been received. */
  | 'unnamed'
  | 'uploading'
  /** The agency has finished. */
  | 'finished'
  /** An `A` was received; the draw is pending. */
  | 'asking'
  /** The draw is held and the response is sent; the agency's `N` comes next. */
  | 'naming'
  /** The winners are sent. */
  | 'done';

/**
 * The server's side of the protocol (docs/protocol.md) for one session. It processes one message after the other and
 * returns the responses to each. It uses no socket and no clock.
 */
export class SessionProtocol {
  private phase: Phase = 'unnamed';
  private agency = 0;
  private claimed: AgencyClaim | undefined;
  private hasFinished = false;
  /** The agency's bets that are stored or in flight to the disk. */
  private bets = 0;
  /** The last batch read. It is stored after all earlier ones. */
  private lastBatch: Promise<unknown> | undefined;

  /** @param certified the only agency that the session may name; undefined: any agency. */
  constructor(
    private readonly services: SessionServices,
    private readonly context: SessionContext,
    private readonly longPollMs: number,
    private readonly certified?: number,
  ) {}

  /** The agency's id, or 0 before its identification. */
  get agencyId(): number {
    return this.agency;
  }

  /** The session's claim of its agency, once the store has granted it. */
  get claim(): AgencyClaim | undefined {
    return this.claimed;
  }

  /**
   * Processes a message. Resolves when the next message may be processed, for bets before they are stored.
   *
   * @returns the responses in their order. A long list of winners is produced lazily.
   * @throws ProtocolError the session is over.
   * @throws StoreError
   */
  async handle({ type, value }: LotteryMessage): Promise<Iterable<SessionResponse>> {
    switch (type) {
      case MessageType.bets:
        return this.onBets(value);
      case MessageType.name:
        return this.onName(value);
      case MessageType.finish:
        return this.onFinish(value);
      case MessageType.askWinners:
        return this.onAskWinners(value);
      case MessageType.digest:
        return this.onDigest(value);
      default:
        throw new ProtocolError('bad-type', `a message of type ${type}`);
    }
  }

  /** Releases the agency for another session. */
  end(): void {
    if (this.agency === 0) return;
    this.services.registry.release(this.agency, this.context);
    this.services.activity.agencyLeft(this.agency);
  }

  private async onName(value: Uint8Array): Promise<Iterable<SessionResponse>> {
    if (this.phase !== 'unnamed' && this.phase !== 'naming') throw this.outOfOrder('N');
    const agency = parseCanonicalNumber(decodeValue(value));
    if (agency === undefined) throw new ProtocolError('bad-value', 'the value of N is no canonical number');
    if (this.phase === 'naming') return this.onNameForWinners(agency);
    await this.identify(agency);
    this.phase = this.hasFinished ? 'finished' : 'uploading';
    return [okMessage(this.bets)];
  }

  private async onBets(value: Uint8Array): Promise<Iterable<SessionResponse>> {
    if (this.phase === 'unnamed') return this.onFirstBets(value);
    if (this.phase !== 'uploading') throw this.outOfOrder('B');
    return [this.store(this.readBatch(value, this.agency))];
  }

  /** A batch without a preceding `N` identifies the session, for an agency without bets. */
  private async onFirstBets(value: Uint8Array): Promise<Iterable<SessionResponse>> {
    const batch = this.readBatch(value, this.certified);
    await this.identify(batch.agency);
    if (this.bets > 0) {
      throw new ProtocolError('unidentified', 'this agency has bets already: N comes first, and says how many');
    }
    if (this.hasFinished) throw this.outOfOrder('B');
    this.phase = 'uploading';
    return [this.store(batch)];
  }

  private async onFinish(value: Uint8Array): Promise<Iterable<SessionResponse>> {
    if (this.phase === 'unnamed') throw new ProtocolError('unidentified', 'F before the session has a name');
    const isRepeated = this.hasFinished && (this.phase === 'finished' || this.phase === 'asking');
    if (this.phase !== 'uploading' && !isRepeated) throw this.outOfOrder('F');
    const text = decodeValue(value);
    const total = text === '' ? undefined : parseCanonicalNumber(text);
    if (text !== '' && total === undefined) {
      throw new ProtocolError('bad-value', 'the value of F is neither empty nor a canonical number');
    }
    await this.lastBatch;
    if (total !== undefined && total !== this.bets) {
      throw new ProtocolError('count-mismatch', `${this.bets} bets are stored, not ${total}`);
    }
    if (!isRepeated) await this.finish();
    return [okMessage(this.bets)];
  }

  private async onAskWinners(value: Uint8Array): Promise<Iterable<SessionResponse>> {
    if (this.phase === 'unnamed') throw new ProtocolError('unidentified', 'A before the session has a name');
    if (this.phase === 'naming' || this.phase === 'done') throw this.outOfOrder('A');
    if (value.length > 0) throw new ProtocolError('bad-value', 'the value of A is not empty');
    this.phase = 'asking';
    const { tracker, winners } = this.services;
    const isHeld = await winners.waitForDraw({ timeoutMs: this.longPollMs, signal: this.context.ending });
    this.context.throwIfEnding();
    if (!isHeld) return [textMessage(MessageType.wait, `${await tracker.count()}/${tracker.expected}`)];
    this.phase = 'naming';
    return [textMessage(MessageType.result)];
  }

  private async onDigest(value: Uint8Array): Promise<Iterable<SessionResponse>> {
    const isAllowed = this.phase === 'uploading' || this.phase === 'finished' || this.phase === 'asking';
    if (!isAllowed) throw this.outOfOrder('D');
    if (value.length > 0) throw new ProtocolError('bad-value', 'the value of D is not empty');
    await this.lastBatch;
    const digest = await unlessAborted(this.services.bets.digest(this.agency, this.bets), this.context.ending);
    this.context.throwIfEnding();
    return [textMessage(MessageType.digest, formatBetsDigest(digest!))];
  }

  private async onNameForWinners(agency: number): Promise<Iterable<SessionResponse>> {
    if (agency !== this.agency) throw this.wrongAgency();
    return this.winnerResponses(await this.services.winners.winnersOf(agency));
  }

  private *winnerResponses(documents: readonly string[]): Generator<LotteryMessage> {
    for (const value of splitWinners(documents)) yield textMessage(MessageType.result, value);
    this.phase = 'done';
    yield okMessage(documents.length);
    this.services.activity.winnersGiven(this.agency);
    this.services.log.debug('ganadores_enviados', 'success', {
      agency: this.agency,
      cant_ganadores: documents.length,
    });
  }

  private async finish(): Promise<void> {
    const { tracker, evidence } = this.services;
    const digest = await evidence.digestAtFinish(this.agency, this.bets);
    await tracker.finish(this.claimed!, this.bets, digest);
    this.hasFinished = true;
    this.phase = 'finished';
    this.services.log.info('finish', 'success', { agency: this.agency, cantidad: this.bets });
  }

  /**
   * Makes this the agency's session after the previous one has stored its last batch, then reads the agency's stored
   * state.
   */
  private async identify(agency: number): Promise<void> {
    const { tracker, registry, activity, bets } = this.services;
    if (this.certified !== undefined && agency !== this.certified) {
      throw new ProtocolError('wrong-agency', `the certificate is agency ${this.certified}'s`);
    }
    if (agency < 1 || agency > tracker.expected) {
      throw new ProtocolError('unknown-agency', `the agencies are 1 to ${tracker.expected}`);
    }
    this.agency = agency;
    activity.agencyCame(agency);
    await registry.register(agency, this.context);
    this.context.throwIfEnding();
    this.claimed = await bets.claim(agency);
    this.context.throwIfEnding();
    this.bets = this.claimed.stored;
    this.hasFinished = await tracker.hasFinished(agency);
  }

  /** Returns a promise of the response. It resolves once the batch is durable. */
  private store(batch: BetBatch): Promise<LotteryMessage> {
    const after = this.bets;
    this.bets += batch.count;
    const stored = this.services.bets.append(this.claimed!, batch, after).then(
      (total) => this.onStored(batch, total),
      (error: unknown) => {
        this.services.log.error('apuesta_recibida', 'fail', { agency: this.agency, cantidad: batch.count });
        throw error;
      },
    );
    this.lastBatch = stored;
    return stored;
  }

  private onStored(batch: BetBatch, total: number): LotteryMessage {
    const { activity, log } = this.services;
    activity.batchStored(batch.agency, batch.count);
    log.info('apuesta_recibida', 'success', { agency: batch.agency, cantidad: batch.count });
    if (log.isDebugging) {
      for (const { document, number } of betsOf(batch)) {
        log.debug('apuesta_almacenada', 'success', { dni: document, numero: number });
      }
    }
    return okMessage(total);
  }

  private readBatch(value: Uint8Array, agency: number | undefined): BetBatch {
    try {
      return readBetBatch(value, agency);
    } catch (error) {
      if (error instanceof ProtocolError) {
        const fields = { agency: this.agency, cantidad: countLines(value), error: error.message };
        this.services.log.error('apuesta_recibida', 'fail', fields);
      }
      throw error;
    }
  }

  private outOfOrder(type: string): ProtocolError {
    const closed = this.hasFinished ? ', and the bets of this agency are closed' : '';
    return new ProtocolError('out-of-order', `no ${type} is allowed here: the session is ${this.phase}${closed}`);
  }

  private wrongAgency(): ProtocolError {
    return new ProtocolError('wrong-agency', `this session is agency ${this.agency}'s`);
  }
}

/** The result of `work`, or undefined if `signal` fires first. The work goes on: other sessions may share it. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result | undefined> {
  let onAbort = (): void => {};
  const aborted = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function okMessage(count: number): LotteryMessage {
  return textMessage(MessageType.ok, String(count));
}

function decodeValue(value: Uint8Array): string {
  try {
    return decodeUtf8(value);
  } catch (cause) {
    if (!(cause instanceof InvalidTextError)) throw cause;
    throw new ProtocolError('bad-value', 'a value that is not UTF-8', { cause });
  }
}

/** The apparent number of rows of an unreadable batch, for the log. */
function countLines(value: Uint8Array): number {
  let lines = value.length > 0 && value[value.length - 1] !== 0x0a ? 1 : 0;
  for (const byte of value) if (byte === 0x0a) lines++;
  return lines;
}
