import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { openStatusServer, type StatusServer } from '../../../../../apps/server/status/status_server';
import { createMemoryLottery } from '../../../../support/memory_lottery';

const MOST_CONNECTIONS = 8;
const SETTINGS = {
  SERVER_NAME: 'server1',
  SERVER_STATUS_PORT: 0,
  SERVER_STATUS_IP: '127.0.0.1',
  SERVER_STATUS_HOSTS: [],
  SERVER_WINNING_NUMBER: 7574,
};

describe('a status server with few connections', () => {
  const sockets: Socket[] = [];
  let site: StatusServer;

  beforeEach(async () => {
    site = await openStatusServer({ settings: SETTINGS, ...createMemoryLottery(), maxConnections: MOST_CONNECTIONS });
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await site.close();
  });

  async function open(path: string): Promise<IncomingMessage> {
    const [response] = (await once(get(site.url + path, { agent: false }), 'response')) as [IncomingMessage];
    sockets.push(response.socket);
    return response;
  }

  async function hold(): Promise<Socket> {
    const socket = connect(Number(new URL(site.url).port), '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  it('uses half of them for pages, and answers the health check on the other half', async () => {
    const pages: IncomingMessage[] = [];
    for (let page = 0; page < MOST_CONNECTIONS / 2; page++) pages.push(await open('events'));
    expect(pages.map(({ statusCode }) => statusCode)).to.deep.equal([200, 200, 200, 200]);
    const rejected = await open('events');
    expect([rejected.statusCode, await text(rejected)]).to.deep.equal([503, 'too many pages are open\n']);

    for (let held = 0; held < 3 * MOST_CONNECTIONS; held++) await hold();
    expect(await text(await open('healthz'))).to.equal('ok\n');
    expect(await text(await open('metrics'))).to.match(/^lottery_status_pages_open 4$/m);
  });

  it('closes the oldest held connection if there is no room for a new one', async () => {
    const closed: number[] = [];
    for (let held = 0; held < MOST_CONNECTIONS; held++) {
      const socket = await hold();
      socket.resume().once('close', () => closed.push(held));
    }
    const firstClosed = once(sockets[0]!, 'close');
    expect(await text(await open('healthz'))).to.equal('ok\n');
    await firstClosed;
    expect(closed).to.deep.equal([0]);
  });
});
