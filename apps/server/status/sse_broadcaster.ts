import { type ServerResponse } from 'node:http';
import { type StatusAggregator } from './report/status_aggregator';

/** One open page. */
interface Reader {
  readonly response: ServerResponse;
  /** It has missed something (or has just come), and gets everything next. */
  needsWhole: boolean;
  /** How many updates in a row it could not be given, because it had not read the one before. */
  missed: number;
}

/** A page that reads nothing for so many updates (seconds) is not there any more, whatever TCP says. */
const MOST_MISSED = 30;

/** Pages at once. */
export const MOST_PAGES = 200;

/**
 * The open pages, and what they are sent: server-sent events (WHATWG HTML, section 9.2), `whole` with the whole report
 * and `changes` with what a second has changed. An update is turned into bytes once, for all pages. One that has not
 * read its last update is passed over, and later gets everything anew: however slow it is, nothing piles up for it.
 */
export class SseBroadcaster {
  private readonly readers = new Map<ServerResponse, Reader>();
  /** What `whole` gives until the next update: however many pages come, and do not read, there is one of it a second. */
  private wholeBytes: Buffer | undefined;

  constructor(
    private readonly board: StatusAggregator,
    private readonly most = MOST_PAGES,
  ) {}

  get size(): number {
    return this.readers.size;
  }

  get isFull(): boolean {
    return this.readers.size >= this.most;
  }

  /** Whether this is the response of an open page. */
  has(response: ServerResponse): boolean {
    return this.readers.has(response);
  }

  /** Sends the page everything now, and updates from here on until it goes away. */
  add(response: ServerResponse): void {
    const reader: Reader = { response, needsWhole: true, missed: 0 };
    this.readers.set(response, reader);
    response.on('close', () => this.readers.delete(response));
    // A connection that breaks is closed next, and that is all there is to do about it.
    response.on('error', () => {});
    response.write('retry: 1000\n\n');
    this.send(reader, this.whole());
  }

  /** Tells all pages what the board's last tick has changed. */
  update(): void {
    this.wholeBytes = undefined;
    let changes: Buffer | undefined;
    for (const reader of this.readers.values()) {
      if (reader.response.writableLength > 0) this.passOver(reader);
      else if (reader.needsWhole) this.send(reader, this.whole());
      else this.send(reader, (changes ??= frame('changes', Buffer.from(JSON.stringify(this.board.changes()), 'utf8'))));
    }
  }

  /** Says goodbye to all: they come back by themselves when there is a server again. */
  end(): void {
    for (const response of this.readers.keys()) response.end();
  }

  private send(reader: Reader, bytes: Buffer): void {
    reader.response.write(bytes);
    reader.needsWhole = false;
    reader.missed = 0;
  }

  private passOver(reader: Reader): void {
    reader.needsWhole = true;
    reader.missed++;
    if (reader.missed >= MOST_MISSED) reader.response.destroy();
  }

  private whole(): Buffer {
    return (this.wholeBytes ??= frame('whole', this.board.wholeJson()));
  }
}

function frame(event: string, json: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`event: ${event}\ndata: `), json, Buffer.from('\n\n')]);
}
