import { type Codec, type IncompleteFrame, InvalidFrameError } from '../lib/index'; // for you: 'sockwright'

/** A command and its arguments, as bytes. */
export type Command = readonly Buffer[];

/** Text is a simple string (`+`), a number an integer (`:`), bytes a bulk string (`$`), `null` the null bulk string. */
export type Reply = string | number | Buffer | null | RespError | readonly Reply[];

/** An error (`-`). The text begins with a word in capitals, `ERR` for instance. */
export class RespError {
  constructor(readonly text: string) {}
}

/** The point that the search for the end of a command has reached. */
interface Position extends IncompleteFrame {
  /** The number of bytes behind which it goes on. */
  readonly position: number;
  /** The number of arguments behind `position`; none while that is in the first line. */
  readonly left?: number | undefined;
}

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const ASTERISK = 0x2a;
const DOLLAR = 0x24;
const ZERO = 0x30;
/** The longest line with a size: `*` or `$`, 7 digits, and the end of the line. */
const MAX_SIZE_LINE = 10;

/**
 * The serialization protocol of Redis, version 2 (https://redis.io/docs/latest/develop/reference/protocol-spec/), on the
 * side of a server. Commands are received, as arrays of bulk strings or as a line of words. Replies are sent, all those to
 * the commands of one chunk together.
 */
export const respCodec: Codec<Command, readonly Reply[]> = {
  headerBytes: 1,
  maxFrameBytes: 1_048_576,

  frameLength(bytes, offset, before?: Position) {
    return bytes[offset] === ASTERISK ? arrayLength(bytes, offset, before) : lineLength(bytes, offset, before);
  },

  decode(bytes, offset, length) {
    if (bytes[offset] !== ASTERISK) return wordsOf(bytes.toString('latin1', offset, offset + length));
    const command = [];
    let at = lineEnd(bytes, offset) + 2;
    while (at < offset + length) {
      const end = lineEnd(bytes, at);
      const size = numberAt(bytes, at + 1, end);
      command.push(bytes.subarray(end + 2, end + 2 + size));
      at = end + 2 + size + 2;
    }
    return command;
  },

  encode: (replies) => Buffer.from(textOfAll(replies), 'latin1'),
};

function lineLength(bytes: Buffer, offset: number, before: Position | undefined): number | Position {
  const end = bytes.indexOf(LINE_FEED, offset + (before?.position ?? 0));
  const available = bytes.length - offset;
  return end === -1 ? { atLeast: available + 1, position: available } : end + 1 - offset;
}

/** Goes from argument to argument; each `$` line gives the beginning of the next one. */
function arrayLength(bytes: Buffer, offset: number, before: Position | undefined): number | Position {
  let at = offset + (before?.position ?? 0);
  let left = before?.left;
  while (left !== 0) {
    const end = lineEnd(bytes, at);
    if (end === -1) return { atLeast: bytes.length - offset + 1, position: at - offset, left };
    const size = numberAt(bytes, at + 1, end);
    if (left === undefined) {
      left = size;
      at = end + 2;
    } else {
      if (bytes[at] !== DOLLAR) throw new InvalidFrameError("an argument that does not begin with '$'");
      const next = end + 2 + size + 2;
      if (next > bytes.length) return { atLeast: next - offset, position: at - offset, left };
      left--;
      at = next;
    }
  }
  return at - offset;
}

/** The position of the `\r\n` of the line at `at`; -1 if it is not there yet. */
function lineEnd(bytes: Buffer, at: number): number {
  for (let end = at + 1; end < at + MAX_SIZE_LINE; end++) {
    if (end + 1 >= bytes.length) return -1;
    if (bytes[end] === CARRIAGE_RETURN) return end;
  }
  throw new InvalidFrameError('a size that is too large');
}

function numberAt(bytes: Buffer, from: number, to: number): number {
  let number = from === to ? NaN : 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at]! - ZERO;
    number = digit >= 0 && digit <= 9 ? 10 * number + digit : NaN;
  }
  if (Number.isNaN(number)) throw new InvalidFrameError('a size that is no number');
  return number;
}

function wordsOf(line: string): Command {
  return line
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => Buffer.from(word, 'latin1'));
}

/** One byte for each character. */
function textOf(reply: Reply): string {
  if (typeof reply === 'string') return `+${reply}\r\n`;
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (reply === null) return '$-1\r\n';
  if (reply instanceof Uint8Array) return `$${reply.length}\r\n${reply.toString('latin1')}\r\n`;
  if (reply instanceof RespError) return `-${reply.text}\r\n`;
  return `*${reply.length}\r\n${textOfAll(reply)}`;
}

function textOfAll(replies: readonly Reply[]): string {
  let text = '';
  for (const reply of replies) text += textOf(reply);
  return text;
}
