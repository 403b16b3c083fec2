import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { expect } from 'chai';
import { ServerActivity } from '../../../../../apps/server/stats/server_activity';
import { SseBroadcaster } from '../../../../../apps/server/status/sse_broadcaster';
import { ServedHosts } from '../../../../../apps/server/status/http/served_hosts';
import { type StatusAggregator } from '../../../../../apps/server/status/report/status_aggregator';
import { BoundedHttpServer } from '../../../../../apps/server/status/http/http_server';
import { createAggregator, MemoryReadings } from '../../../../support/memory_readings';

const AGENCIES = 2_000;
/** More updates than the kernel buffers for an unread connection; an update has some 200 kB here. */
const MOST_UPDATES = 400;

describe('an open page without a reader, over a real connection', function () {
  this.timeout(30_000);
  let server: BoundedHttpServer;
  let port: number;
  let board: StatusAggregator;
  let stream: SseBroadcaster;
  let activity: ServerActivity;
  let lottery: MemoryReadings;
  const responses: ServerResponse[] = [];

  beforeEach(async () => {
    activity = new ServerActivity();
    lottery = new MemoryReadings(activity);
    board = createAggregator(activity, AGENCIES);
    stream = new SseBroadcaster(board);
    responses.length = 0;
    server = new BoundedHttpServer({
      fetch: (_, env) => {
        const { outgoing } = env as HttpBindings;
        responses.push(outgoing);
        stream.add(outgoing);
        return RESPONSE_ALREADY_SENT;
      },
      headers: {},
      hosts: new ServedHosts([]),
      maxConnections: 10,
      isPage: (response) => stream.has(response),
      onError: () => {},
    });
    port = Number(new URL(await server.listen(0, '127.0.0.1')).port);
  });

  afterEach(async () => {
    await server.close();
  });

  async function open(): Promise<IncomingMessage> {
    const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [IncomingMessage];
    response.on('error', () => {});
    return response;
  }

  /** Adds bets to every agency, so the update contains all of them. */
  function update(second: number): void {
    for (let agency = 1; agency <= AGENCIES; agency++) lottery.store(agency, second);
    board.tick(new Date(second * 1000), lottery.at(second * 1000));
    stream.update();
  }

  it('keeps at most one update in memory, is closed, and does not delay other pages', async () => {
    const stuck = await open();
    stuck.pause();
    const reading = await open();
    const [held] = responses;

    let most = 0;
    let second = 1;
    while (stream.size === 2 && second <= MOST_UPDATES) {
      const received = once(reading, 'data');
      update(second++);
      await received;
      await nextTurn();
      most = Math.max(most, held!.writableLength);
    }
    expect(held!.destroyed, 'the unread page is closed').to.equal(true);
    expect(responses[1]!.destroyed, 'the other page is closed').to.equal(false);
    expect(most).to.be.greaterThan(0);
    // The last update is the longest. Its frame adds some bytes.
    expect(most).to.be.below(JSON.stringify(board.changes()).length + 1_000);
  });

  it('shares its buffer with all other unread pages', () => {
    const buffers = new Set<unknown>();
    const fake = (): ServerResponse =>
      ({ on: () => {}, write: (chunk: unknown) => Buffer.isBuffer(chunk) && buffers.add(chunk) }) as never;
    for (let page = 0; page < 50; page++) stream.add(fake());
    expect(buffers.size).to.equal(1);
  });
});
