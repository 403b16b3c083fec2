import { decodeUtf8, InvalidTextError, type MessageChannel, type ReceiveOptions } from '../../../lib/index';
import { parseCanonicalNumber } from '../../lottery/canonical_number';
import { type LotteryMessage, MessageType, textMessage } from '../../lottery/protocol';
import { ProtocolError } from '../../lottery/protocol_error';
import { parseWinners } from '../../lottery/winner_list';
import { ServerEndedError, UnexpectedResponseError } from './errors';

/** A server that is silent for so long has lost the connection, whatever TCP says. */
const RESPONSE_TIMEOUT_MS = 30_000;

/** Time for the answers to all batches in flight after a stop, in milliseconds. */
const STOP_GRACE_MS = 750;

/** The time limit for the last answers after a stop; it counts from this call. */
export function stopGracePeriod(): ReceiveOptions {
  return { signal: AbortSignal.timeout(STOP_GRACE_MS) };
}

/** What the server says of the draw. */
export type DrawStatus = { readonly held: true } | { readonly held: false; readonly progress: string };

/** The agency's side of the protocol on one connection: what it says, and what it takes for an answer. */
export class LotteryClient {
  constructor(
    private readonly channel: MessageChannel<LotteryMessage>,
    /** Ends every wait for an answer; no answer is lost by that. */
    private readonly stop: AbortSignal,
    /** Told of every answer that takes the agency further. */
    private readonly onProgress: () => void,
  ) {}

  /** Says the agency's name; returns how many of its bets are stored. */
  async identify(agency: number): Promise<number> {
    this.sendText(MessageType.name, String(agency));
    return this.receiveCount();
  }

  /**
   * Sends a batch; its answer is for `receiveStored`, in the order of the batches.
   *
   * @returns false if the connection was already lost: nothing is sent, and `receiveStored` throws the reason.
   */
  sendBets(value: Uint8Array): boolean {
    const isOpen = !this.channel.socket.isClosed;
    this.send({ type: MessageType.bets, value });
    return isOpen;
  }

  /** The answer to the oldest batch that has none yet: how many of the agency's bets are stored through it. */
  async receiveAcknowledgement(options?: ReceiveOptions): Promise<number> {
    const count = await this.receiveCount(options);
    this.onProgress();
    return count;
  }

  /** Closes the agency's bets, of which there are `total`. */
  async finish(total: number): Promise<void> {
    this.sendText(MessageType.finish, String(total));
    const count = await this.receiveCount();
    this.onProgress();
    if (count !== total) throw new UnexpectedResponseError(`the server closed ${count} bets, not ${total}`);
  }

  /** Asks whether the draw is held; the server may take its time to say no. */
  async requestDraw(): Promise<DrawStatus> {
    this.sendText(MessageType.askWinners);
    const { type, text } = await this.receiveResponse();
    if (type !== MessageType.wait && (type !== MessageType.result || text !== '')) throw unexpectedResponse(type, text);
    this.onProgress();
    return type === MessageType.result ? { held: true } : { held: false, progress: text };
  }

  /** The agency's winners, once the draw is held: a document for each winning bet. */
  async receiveWinners(agency: number): Promise<readonly string[]> {
    this.sendText(MessageType.name, String(agency));
    const documents: string[] = [];
    for (;;) {
      const { type, text } = await this.receiveResponse();
      if (type === MessageType.result) {
        documents.push(...parseWinners(text));
        continue;
      }
      const count = parseCount(type, text);
      if (count === documents.length) return documents;
      throw new UnexpectedResponseError(`the server named ${documents.length} winners, and says they are ${count}`);
    }
  }

  private async receiveCount(options?: ReceiveOptions): Promise<number> {
    const { type, text } = await this.receiveResponse(options);
    return parseCount(type, text);
  }

  /** @throws ProtocolError what an `E` says. @throws ServerEndedError, UnexpectedAnswerError, SocketError */
  private async receiveResponse(options?: ReceiveOptions): Promise<{ type: string; text: string }> {
    const message =
      this.channel.tryReceive() ??
      (await this.channel.receive({ idleTimeoutMs: RESPONSE_TIMEOUT_MS, signal: this.stop, ...options }));
    if (message === null) throw new ServerEndedError('the server ended the connection while an answer was due');
    const text = decodeText(message.value);
    if (message.type !== MessageType.error) return { type: message.type, text };
    throw ProtocolError.parse(text) ?? new UnexpectedResponseError(`an error that the protocol does not have: ${text}`);
  }

  private sendText(type: string, text?: string): void {
    this.send(textMessage(type, text));
  }

  private send(message: LotteryMessage): void {
    // Not awaited: what is sent in one turn leaves together, and a connection that fails is told by the next answer,
    // which may be the `E` that says why.
    this.channel.send(message).catch(() => {});
  }
}

function parseCount(type: string, text: string): number {
  const count = type === MessageType.ok ? parseCanonicalNumber(text) : undefined;
  if (count === undefined) throw unexpectedResponse(type, text);
  return count;
}

function unexpectedResponse(type: string, text: string): UnexpectedResponseError {
  return new UnexpectedResponseError(`the server answered ${type} ${JSON.stringify(text.slice(0, 100))}`);
}

function decodeText(value: Uint8Array): string {
  try {
    return decodeUtf8(value);
  } catch (cause) {
    if (!(cause instanceof InvalidTextError)) throw cause;
    throw new UnexpectedResponseError('the server sent a value that is not UTF-8', { cause });
  }
}
