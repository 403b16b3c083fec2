import { decodeUtf8, InvalidTextError, type FramedSocket, type ReceiveOptions } from '../../../lib/index';
import { type BetsDigest, parseBetsDigest } from '../../protocol/bets_digest';
import { parseCanonicalNumber } from '../../protocol/canonical_number';
import { type LotteryMessage, MessageType, textMessage } from '../../protocol/messages';
import { ProtocolError } from '../../protocol/protocol_error';
import { parseWinners } from '../../protocol/winner_list';
import { CodedError } from '../../runtime/coded_error';

/** The server ended the connection between two messages, before a response. A new connection may succeed. */
export class ServerEndedError extends CodedError {
  readonly code = 'SERVER_ENDED';
}

/** A response that the protocol does not allow here, or a wrong count. A new connection would not help. */
export class UnexpectedResponseError extends CodedError {
  readonly code = 'UNEXPECTED_ANSWER';
}

/** The server is an older one without the message `D`, which has ended the session. Another session can do without it. */
export class DigestUnsupportedError extends CodedError {
  readonly code = 'DIGEST_UNSUPPORTED';
}

/** The connection counts as lost after this silence of the server, in milliseconds, even if TCP reports no loss. */
const RESPONSE_TIMEOUT_MS = 30_000;

/** The same for a digest: the server may read millions of rows for it. */
const DIGEST_TIMEOUT_MS = 120_000;

/** Time limit for the responses to all batches in flight after a stop, in milliseconds. */
const STOP_GRACE_MS = 750;

/** The time limit for the last responses after a stop, 750 ms. It begins with this call. */
export function stopGracePeriod(): ReceiveOptions {
  return { signal: AbortSignal.timeout(STOP_GRACE_MS) };
}

/** The state of the draw; `progress` is the server's `FINISHED/AGENCIES`. */
export type DrawStatus = { readonly held: true } | { readonly held: false; readonly progress: string };

/**
 * The agency's side of the protocol on one connection (docs/protocol.md): its requests and the checks of the responses.
 *
 * Every method that receives a response throws ProtocolError (an `E`), ServerEndedError, UnexpectedResponseError or a
 * SocketError.
 */
export class LotteryClient {
  constructor(
    private readonly channel: FramedSocket<LotteryMessage>,
    /** Ends a pending receive; a response is not lost by that. */
    private readonly stop: AbortSignal,
    /** The server's name, as in the log. */
    readonly server: string,
    /** Called after each response that is progress: an acknowledgement, or the state of the draw. */
    private readonly onProgress: () => void,
  ) {}

  /** Identifies the agency; returns its number of stored bets. */
  async identify(agency: number): Promise<number> {
    this.sendText(MessageType.name, String(agency));
    return this.receiveCount();
  }

  /**
   * Sends a batch. `receiveAcknowledgement` returns the responses in the order of the batches.
   *
   * @returns false if the connection was already lost: nothing is sent, and `receiveAcknowledgement` throws the reason.
   */
  sendBets(value: Uint8Array): boolean {
    const isOpen = !this.channel.socket.isClosed;
    this.send({ type: MessageType.bets, value });
    return isOpen;
  }

  /** Receives the response to the oldest batch in flight: the agency's number of stored bets after that batch. */
  async receiveAcknowledgement(options?: ReceiveOptions): Promise<number> {
    const count = await this.receiveCount(options);
    this.onProgress();
    return count;
  }

  /**
   * Requests the digest of the agency's stored bets.
   *
   * @throws DigestUnsupportedError
   */
  async requestDigest(): Promise<BetsDigest> {
    this.sendText(MessageType.digest);
    const { type, text } = await this.receiveResponse({ idleTimeoutMs: DIGEST_TIMEOUT_MS }).catch((error: unknown) => {
      if (!(error instanceof ProtocolError) || error.code !== 'bad-type') throw error;
      throw new DigestUnsupportedError('the server has no digests of stored bets: goes on without', { cause: error });
    });
    const digest = type === MessageType.digest ? parseBetsDigest(text) : undefined;
    if (digest === undefined) throw unexpectedResponse(type, text);
    this.onProgress();
    return digest;
  }

  /** Finishes the upload of `total` bets: the server accepts no more of this agency. */
  async finish(total: number): Promise<void> {
    this.sendText(MessageType.finish, String(total));
    const count = await this.receiveCount();
    this.onProgress();
    if (count !== total) throw new UnexpectedResponseError(`the server acknowledged ${count} bets, not ${total}`);
  }

  /** Requests the state of the draw. A server with a long poll delays the response `W`. */
  async requestDraw(): Promise<DrawStatus> {
    this.sendText(MessageType.askWinners);
    const { type, text } = await this.receiveResponse();
    if (type !== MessageType.wait && (type !== MessageType.result || text !== '')) throw unexpectedResponse(type, text);
    this.onProgress();
    return type === MessageType.result ? { held: true } : { held: false, progress: text };
  }

  /** Receives the agency's winners, after the draw: one document for each winning bet. */
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
      throw new UnexpectedResponseError(`the server sent ${documents.length} winners, and ${count} as their count`);
    }
  }

  private async receiveCount(options?: ReceiveOptions): Promise<number> {
    const { type, text } = await this.receiveResponse(options);
    return parseCount(type, text);
  }

  private async receiveResponse(options?: ReceiveOptions): Promise<{ type: string; text: string }> {
    const message =
      this.channel.tryReceive() ??
      (await this.channel.receive({ idleTimeoutMs: RESPONSE_TIMEOUT_MS, signal: this.stop, ...options }));
    if (message === null) throw new ServerEndedError('the server ended the connection before its response');
    const text = decodeText(message.value);
    if (message.type !== MessageType.error) return { type: message.type, text };
    throw ProtocolError.parse(text) ?? new UnexpectedResponseError(`an error outside the protocol: ${text}`);
  }

  private sendText(type: string, text?: string): void {
    this.send(textMessage(type, text));
  }

  private send(message: LotteryMessage): void {
    // Not awaited: the messages of one turn leave in one write. The next receive reports a lost connection, or returns
    // the `E` with its reason.
    this.channel.send(message).catch(() => {});
  }
}

function parseCount(type: string, text: string): number {
  const count = type === MessageType.ok ? parseCanonicalNumber(text) : undefined;
  if (count === undefined) throw unexpectedResponse(type, text);
  return count;
}

function unexpectedResponse(type: string, text: string): UnexpectedResponseError {
  return new UnexpectedResponseError(`the server responded ${type} ${JSON.stringify(text.slice(0, 100))}`);
}

function decodeText(value: Uint8Array): string {
  try {
    return decodeUtf8(value);
  } catch (cause) {
    if (!(cause instanceof InvalidTextError)) throw cause;
    throw new UnexpectedResponseError('the server sent a value that is not UTF-8', { cause });
  }
}
