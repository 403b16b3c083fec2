import { type ServerResponse } from 'node:http';
import { type StatusAggregator } from './report/status_aggregator';

/** One open page. */
interface Page {
  readonly response: ServerResponse;
  /** Whether its reader still has the permission. Undefined: always. */
  readonly mayRead: (() => boolean) | undefined;
  /** The page is new or has missed an update; its next update is the full report. */
  needsFullReport: boolean;
  /** The number of consecutive updates missed, each because the previous one was unread. */
  missed: number;
}

/** The number of missed updates (seconds) after which a page counts as lost, even if TCP reports no error. */
const MAX_MISSED_UPDATES = 30;

/** The maximum number of open pages. */
export const MAX_PAGES = 200;

/**
 * Sends updates to the open pages as server-sent events (WHATWG HTML, section 9.2): `whole` with the full report, and
 * `changes` with the changes of one second. An update is serialized once for all pages. A page with unread data is
 * skipped and receives the full report later. Each page therefore has at most one update in memory.
 */
export class SseBroadcaster {
  private readonly pages = new Map<ServerResponse, Page>();
  /** The bytes of `whole` until the next update, shared by all new pages. */
  private fullReportBytes: Buffer | undefined;

  constructor(
    private readonly aggregator: StatusAggregator,
    private readonly maxPages = MAX_PAGES,
  ) {}

  get size(): number {
    return this.pages.size;
  }

  get isFull(): boolean {
    return this.pages.size >= this.maxPages;
  }

  /** Whether this is the response of an open page. */
  has(response: ServerResponse): boolean {
    return this.pages.has(response);
  }

  /**
   * Sends the full report, and further updates until the page closes.
   *
   * @param mayRead with it, the page ends at the first update without the permission.
   */
  add(response: ServerResponse, mayRead?: () => boolean): void {
    const reader: Page = { response, mayRead, needsFullReport: true, missed: 0 };
    this.pages.set(response, reader);
    response.on('close', () => this.pages.delete(response));
    // A broken connection emits `close` next, which removes the page.
    response.on('error', () => {});
    response.write('retry: 1000\n\n');
    this.send(reader, this.fullReport());
  }

  /** Sends the changes of the last tick to all pages. */
  update(): void {
    this.fullReportBytes = undefined;
    let changes: Buffer | undefined;
    for (const reader of this.pages.values()) {
      if (reader.mayRead?.() === false) this.endPage(reader);
      else if (reader.response.writableLength > 0) this.skip(reader);
      else if (reader.needsFullReport) this.send(reader, this.fullReport());
      else
        this.send(
          reader,
          (changes ??= frame('changes', Buffer.from(JSON.stringify(this.aggregator.changes()), 'utf8'))),
        );
    }
  }

  /** Ends all pages. They reconnect by themselves once a server is up again. */
  end(): void {
    for (const response of this.pages.keys()) response.end();
  }

  private endPage({ response }: Page): void {
    this.pages.delete(response);
    response.end();
  }

  private send(reader: Page, bytes: Buffer): void {
    reader.response.write(bytes);
    reader.needsFullReport = false;
    reader.missed = 0;
  }

  private skip(reader: Page): void {
    reader.needsFullReport = true;
    reader.missed++;
    if (reader.missed >= MAX_MISSED_UPDATES) reader.response.destroy();
  }

  private fullReport(): Buffer {
    return (this.fullReportBytes ??= frame('whole', this.aggregator.fullReportJson()));
  }
}

function frame(event: string, json: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`event: ${event}\ndata: `), json, Buffer.from('\n\n')]);
}
