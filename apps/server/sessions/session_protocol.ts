import { decodeUtf8, InvalidTextError } from '../../../lib/index';
import { type BetBatch, betsOf, readBetBatch } from '../../protocol/bet_batch';
import { parseCanonicalNumber } from '../../protocol/canonical_number';
import { type LotteryMessage, MessageType, textMessage } from '../../protocol/messages';
import { ProtocolError } from '../../protocol/protocol_error';
import { splitWinners } from '../../protocol/winner_list';
import { type SessionResponse } from './response_queue';
import { type SessionContext } from './session_context';
import { type SessionServices } from './session_services';

/** The phase of a session, in the protocol's order of messages. */
type Phase =
  /** No message has come. */
  | 'unnamed'
  | 'uploading'
  /** The bets of the agency are closed. */
  | 'finished'
  /** It has asked for its winners, and waits for the draw. */
  | 'asking'
  /** It has been answered that the draw is held; its name comes next. */
  | 'naming'
  /** It has its winners. */
  | 'done';

/**
 * The server's side of the protocol (docs/protocol.md) for one session: it takes the agency's messages one after the
 * other, and returns the responses to each. It uses no socket and no clock.
 */
export class SessionProtocol {
  private phase: Phase = 'unnamed';
  private agency = 0;
  private hasFinished = false;
  /** The agency's bets that are stored or on their way to the disk. */
  private bets = 0;
  /** The batch read last; those before it are stored before it is. */
  private lastBatch: Promise<unknown> | undefined;

  constructor(
    private readonly services: SessionServices,
    private readonly context: SessionContext,
    private readonly longPollMs: number,
  ) {}

  /** The agency's id; 0 before it has one. */
  get agencyId(): number {
    return this.agency;
  }

  /**
   * Takes the next message. Resolves when the one behind it may be taken, which for bets is before they are stored.
   *
   * @returns the responses in their order. A long list makes each of them when it is asked for.
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
      default:
        throw new ProtocolError('bad-type', `a message of type ${type}`);
    }
  }

  /** Ends the session's part: another session may be the agency's. */
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

  /** A batch without an `N` before it names the session, for an agency that has no bets yet. */
  private async onFirstBets(value: Uint8Array): Promise<Iterable<SessionResponse>> {
    const batch = this.readBatch(value, undefined);
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
    await this.services.tracker.finish(this.agency, this.bets);
    this.hasFinished = true;
    this.phase = 'finished';
    this.services.activity.agencyFinished(this.agency);
    this.services.log.info('finish', 'success', { agency: this.agency, cantidad: this.bets });
  }

  /** Makes this the agency's session, once the one before it stores nothing more, and reads what the store has of it. */
  private async identify(agency: number): Promise<void> {
    const { tracker, registry, activity, bets } = this.services;
    if (agency < 1 || agency > tracker.expected) {
      throw new ProtocolError('unknown-agency', `the agencies are 1 to ${tracker.expected}`);
    }
    this.agency = agency;
    activity.agencyCame(agency);
    await registry.claim(agency, this.context);
    this.context.throwIfEnding();
    this.bets = await bets.count(agency);
    this.hasFinished = await tracker.hasFinished(agency);
  }

  /** The promise of the response: the batch is on the disk. */
  private store(batch: BetBatch): Promise<LotteryMessage> {
    const after = this.bets;
    this.bets += batch.count;
    const stored = this.services.bets.append(batch, after).then(
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
    activity.batchStored(batch.agency, batch.count, total);
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

/** How many rows a batch that could not be read seems to have: a number for the log. */
function countLines(value: Uint8Array): number {
  let lines = value.length > 0 && value[value.length - 1] !== 0x0a ? 1 : 0;
  for (const byte of value) if (byte === 0x0a) lines++;
  return lines;
}
