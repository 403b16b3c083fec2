import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { ServerActivity } from '../../../../../apps/server/stats/server_activity';
import { type ActionLog } from '../../../../../apps/runtime/action_log';
import { Metrics } from '../../../../../apps/server/status/metrics/metrics';
import { loadPageDocument } from '../../../../../apps/server/status/page_document';
import { SseBroadcaster } from '../../../../../apps/server/status/sse_broadcaster';
import { ServedHosts } from '../../../../../apps/server/status/http/served_hosts';
import { createStatusApp } from '../../../../../apps/server/status/status_app';
import { BoundedHttpServer } from '../../../../../apps/server/status/http/http_server';
import { createAggregator, MemoryReadings } from '../../../../support/memory_readings';

/** The status of so many agencies has 6 MB, more than the kernel's buffers of a connection. */
const AGENCIES = 50_000;
const READERS = 100;
const MOST_MEGABYTES = 20;

/** The memory in use, in megabytes, including unread answers. */
function usedMegabytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

describe('unread answers of a server with many agencies', function () {
  this.timeout(30_000);
  const sockets: Socket[] = [];
  let server: BoundedHttpServer;
  let port: number;

  beforeEach(async () => {
    const activity = new ServerActivity();
    const lottery = new MemoryReadings(activity);
    const aggregator = createAggregator(activity, AGENCIES);
    for (let agency = 1; agency <= AGENCIES; agency++) lottery.store(agency, agency);
    aggregator.tick(new Date(), lottery.at(Date.now()));
    const broadcaster = new SseBroadcaster(aggregator);
    const { fetch } = createStatusApp({
      activity,
      aggregator,
      broadcaster,
      metrics: new Metrics({ activity, aggregator, pages: () => broadcaster.size }),
      page: loadPageDocument(),
      log: {} as ActionLog,
    });
    server = new BoundedHttpServer({
      fetch,
      headers: {},
      hosts: new ServedHosts([]),
      maxConnections: 512,
      isPage: () => false,
      onError: () => {},
    });
    port = Number(new URL(await server.listen(0, '127.0.0.1')).port);
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  /** Resolves at the begin of the answer. At most one chunk of it is read. */
  async function ask(path: string): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1' });
    sockets.push(socket);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await once(socket, 'readable');
  }

  it('share their bytes in memory', async () => {
    await ask('/status.json');
    const before = usedMegabytes();
    for (let count = 0; count < READERS; count++) await ask('/status.json');
    expect(usedMegabytes() - before, 'MB more').to.be.below(MOST_MEGABYTES);
  });
});
