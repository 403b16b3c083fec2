import { EventEmitter } from 'node:events';
import { type ServerResponse } from 'node:http';
import { expect } from 'chai';
import { ServerActivity } from '../../../../../apps/server/stats/server_activity';
import { MAX_PAGES, SseBroadcaster } from '../../../../../apps/server/status/sse_broadcaster';
import { type StatusAggregator } from '../../../../../apps/server/status/report/status_aggregator';
import { createAggregator } from '../../../../support/memory_readings';

/** A response with an optional stop of its reader: the written bytes are then buffered, as on a full socket. */
class FakeResponse extends EventEmitter {
  readonly frames: string[] = [];
  isStuck = false;
  isDestroyed = false;
  writableLength = 0;

  write(chunk: unknown): boolean {
    this.frames.push(String(chunk));
    if (this.isStuck) this.writableLength += String(chunk).length;
    return !this.isStuck;
  }

  readOn(): void {
    this.isStuck = false;
    this.writableLength = 0;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }

  /** The events so far, by name. */
  get events(): string[] {
    return this.frames.flatMap((frame) => /^event: (\w+)/.exec(frame)?.[1] ?? []);
  }
}

describe('the broadcaster of open pages', () => {
  let board: StatusAggregator;
  let stream: SseBroadcaster;

  beforeEach(() => {
    board = createAggregator(new ServerActivity(), 3);
    stream = new SseBroadcaster(board);
  });

  function open(): FakeResponse {
    const response = new FakeResponse();
    stream.add(response as unknown as ServerResponse);
    return response;
  }

  function update(): void {
    board.tick(new Date(), undefined);
    stream.update();
  }

  it('sends the whole status to a new page, and then the changes', () => {
    const page = open();
    update();
    update();
    expect(page.events).to.deep.equal(['whole', 'changes', 'changes']);
    expect(JSON.parse(/data: (.*)/.exec(page.frames[1]!)![1]!)).to.have.nested.property('agencies.expected', 3);
  });

  it('sends the same bytes to all pages', () => {
    const pages = [open(), open(), open()];
    update();
    expect(new Set(pages.map(({ frames }) => frames.at(-1))).size).to.equal(1);
  });

  it('skips a blocked page, and sends it the whole status once it reads again', () => {
    const page = open();
    page.isStuck = true;
    for (let second = 0; second < 10; second++) update();
    expect(page.events).to.deep.equal(['whole', 'changes']);
    page.readOn();
    update();
    update();
    expect(page.events).to.deep.equal(['whole', 'changes', 'whole', 'changes']);
  });

  it('closes a page that is blocked for half a minute', () => {
    const page = open();
    page.isStuck = true;
    for (let second = 0; second < 30; second++) update();
    expect(page.isDestroyed).to.equal(false);
    update();
    expect(page.isDestroyed).to.equal(true);
  });

  it('removes a closed page', () => {
    const page = open();
    expect(stream.size).to.equal(1);
    page.destroy();
    expect(stream.size).to.equal(0);
  });

  it('is full at its limit of pages', () => {
    for (let page = 1; page < MAX_PAGES; page++) open();
    expect(stream.isFull).to.equal(false);
    open();
    expect(stream.isFull).to.equal(true);
  });
});
