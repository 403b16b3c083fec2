import {
  AbortedError,
  FramedSocket,
  FrameTooLongError,
  LineCodec,
  SocketError,
  type StreamSocket,
  TimedOutError,
} from '../lib/index'; // for you: 'sockwright'
import { type Envelope, SmtpSession } from './smtp_session';

/** A received message. */
export interface Mail extends Envelope {
  readonly content: Buffer;
  /** `TLSv1.3` for instance; undefined without TLS. */
  readonly tlsProtocol: string | undefined;
}

export interface SmtpOptions {
  readonly tls: { readonly key: Buffer | string; readonly cert: Buffer | string };
  readonly maxMessageBytes: number;
  /** Milliseconds without a byte, or for the sending of a reply. */
  readonly idleTimeoutMs: number;
  /** Milliseconds from the first byte to the last, of a command or of a whole message. */
  readonly messageTimeoutMs: number;
  /** Keeps a message. The client is free to forget it when the promise resolves. */
  readonly deliver: (mail: Mail) => Promise<void>;
}

/**
 * Lines of at most 1000 bytes with their ends, and one dot more (RFC 5321 section 4.5.3.1.6). Any bytes are received; the
 * replies are text.
 */
const lineCodec = new LineCodec<Buffer, string>(
  { delimiter: '\r\n', maxLineBytes: 999 },
  { decode: (bytes) => bytes, encode: (text) => text },
);
type Lines = FramedSocket<Buffer, string>;

const DOT = 0x2e;

/** Serves one client of SMTP with STARTTLS (RFC 5321, RFC 3207). Its errors have ended the connection. */
export async function serveSmtp(peer: StreamSocket, options: SmtpOptions): Promise<void> {
  const lines = new FramedSocket(peer, lineCodec);
  try {
    await converse(lines, options);
  } catch (error) {
    const farewell = farewellTo(error);
    if (farewell === undefined) throw error;
    await lines.send(farewell, { timeoutMs: options.idleTimeoutMs });
    await peer.lingeringClose();
    throw error;
  }
}

async function converse(lines: Lines, options: SmtpOptions): Promise<void> {
  const { tls, maxMessageBytes, idleTimeoutMs, messageTimeoutMs } = options;
  let session = new SmtpSession(false, maxMessageBytes);
  const send = (replyLines: readonly string[]): Promise<void> =>
    lines.sendMany(replyLines, { timeoutMs: idleTimeoutMs });

  await send(['220 localhost ESMTP']);
  for (;;) {
    const line = await lines.receive({ idleTimeoutMs, messageTimeoutMs });
    if (line === null) return;
    const reply = session.execute(line.toString('latin1'));
    await send(reply.lines);
    if (reply.next === 'end') return lines.socket.lingeringClose();
    if (reply.next === 'TLS') {
      // It throws if commands without TLS have come behind STARTTLS: an attacker could have put them there.
      await lines.socket.startTls({ isServer: true, ...tls });
      // All that came without TLS is forgotten (RFC 3207 section 4.2).
      session = new SmtpSession(true, maxMessageBytes);
    } else if (reply.next === 'message') {
      const content = await receiveMessage(lines, options);
      const envelope = session.takeEnvelope();
      if (content !== undefined) {
        await options.deliver({ ...envelope, content, tlsProtocol: lines.socket.tls?.protocol });
      }
      await send(content === undefined ? session.tooLong.lines : ['250 OK']);
    }
  }
}

/** The message up to the line with a dot (RFC 5321 section 4.5.2); undefined if it is over the limit. */
async function receiveMessage(lines: Lines, options: SmtpOptions): Promise<Buffer | undefined> {
  const { maxMessageBytes, idleTimeoutMs, messageTimeoutMs } = options;
  const signal = AbortSignal.timeout(messageTimeoutMs);
  // One buffer: an object for each of many short lines would take a multiple of the limit.
  const content = Buffer.allocUnsafe(maxMessageBytes);
  let size = 0;
  for (;;) {
    const line = await lines.receive({ idleTimeoutMs, signal });
    if (line === null) throw new Error('the client ended within a message');
    const hasDot = line[0] === DOT;
    if (hasDot && line.length === 1) return size > maxMessageBytes ? undefined : content.subarray(0, size);
    const text = hasDot ? line.subarray(1) : line;
    const end = size + text.length + 2;
    if (end <= maxMessageBytes) {
      text.copy(content, size);
      content.write('\r\n', end - 2);
    }
    // The lines of a message over the limit are received too: the next command comes behind them.
    size = end;
  }
}

/** The last reply to a client that is not lost. */
function farewellTo(error: unknown): string | undefined {
  if (error instanceof FrameTooLongError) return '500 a line has at most 1000 bytes';
  if (error instanceof TimedOutError || error instanceof AbortedError) return '421 too slow';
  return error instanceof SocketError ? undefined : '421 closing the connection';
}
