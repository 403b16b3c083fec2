import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { type App } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';
import { limitedBy } from '../support/metrics_text';
import { v1, v2 } from '../support/proxy_headers';
import { message, WireClient } from '../support/wire_client';

const REFUSED = /action: accept_connections \| result: fail/;

describe('the limits of the server', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let server: App;
  let port: number;
  let statusPort: number;
  const clients: WireClient[] = [];

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await sandbox.dispose();
  });

  async function start(settings: Record<string, string>): Promise<void> {
    statusPort = await findFreePort();
    ({ app: server, port } = await sandbox.startServer({ SERVER_STATUS_PORT: String(statusPort), ...settings }));
    await server.line(/action: status_page \| result: success/);
  }

  async function connectFrom(localAddress = '127.0.0.1'): Promise<WireClient> {
    const client = await WireClient.connect(port, localAddress);
    clients.push(client);
    return client;
  }

  const limited = (): Promise<Record<string, number>> => limitedBy(statusPort);

  it('refuse further sessions of an address as busy, and no other address', async () => {
    await start({ SERVER_ADDRESS_SESSIONS: '2' });
    const first = await connectFrom('127.0.0.2');
    expect(await first.ask('N', '1')).to.equal('O 0');
    expect(await (await connectFrom('127.0.0.2')).ask('N', '2')).to.equal('O 0');
    const refused = await connectFrom('127.0.0.2');
    expect(await refused.rest()).to.deep.equal(['E busy: 2 sessions of this address are open, no more are taken']);
    expect(await (await connectFrom()).ask('N', '3')).to.equal('O 0');
    expect(await limited()).to.deep.equal({ address_sessions: 1 });
    expect(await server.line(REFUSED)).to.match(/ip: 127\.0\.0\.2 \|.* error: busy \| limit: address_sessions \|/);
  });

  it('refuse connections of an address beyond its rate, with one line for all of them', async () => {
    await start({ SERVER_ADDRESS_CONNECTS_PER_SECOND: '1', SERVER_ADDRESS_CONNECT_BURST: '2' });
    const answers: string[] = [];
    for (let number = 0; number < 6; number++) {
      const client = await connectFrom('127.0.0.2');
      answers.push(await client.ask('N', '1'));
      client.destroy();
    }
    const text = 'E busy: this address has connected too often, 1 a second are allowed';
    expect(answers.slice(0, 2)).to.deep.equal(['O 0', 'O 0']);
    const refused = answers.filter((answer) => answer === text);
    expect(refused.length).to.be.at.least(2);
    expect(answers.filter((answer) => answer === 'O 0').length).to.equal(6 - refused.length);
    expect(await (await connectFrom()).ask('N', '2')).to.equal('O 0');
    expect(await limited()).to.deep.equal({ address_connects: refused.length });
    await server.stop('SIGTERM');
    expect(server.grep(REFUSED).map((line) => /refused: (\d+)$/.exec(line)![1])).to.deep.equal([
      '1',
      String(refused.length - 1),
    ]);
  });

  it('have none of an agency without certificates: a claimed id could lock out the real agency', async () => {
    await start({ SERVER_AGENCY_SESSIONS: '1', SERVER_AGENCY_REFUSALS_PER_MINUTE: '1' });
    const first = await connectFrom('127.0.0.2');
    expect(await first.ask('N', '1')).to.equal('O 0');
    const second = await connectFrom('127.0.0.3');
    expect(await second.ask('N', '1')).to.equal('O 0');
    second.send('X');
    expect(await second.rest()).to.match(/^E bad-type: /);
    expect(await (await connectFrom('127.0.0.4')).ask('N', '1')).to.equal('O 0');
    expect(await limited()).to.deep.equal({});
  });

  it('let an address wait after many refused messages', async () => {
    await start({ SERVER_ADDRESS_REFUSALS_PER_MINUTE: '2' });
    for (let number = 0; number < 2; number++) {
      const client = await connectFrom('127.0.0.2');
      client.send('X');
      expect(await client.rest()).to.match(/^E bad-type: /);
      await once(client.socket, 'close');
    }
    const waiting = await connectFrom('127.0.0.2');
    expect(await waiting.rest()).to.deep.equal([
      'E busy: too many sessions of this address were refused, 2 a minute are allowed',
    ]);
    expect(await (await connectFrom()).ask('N', '1')).to.equal('O 0');
    expect(await limited()).to.deep.equal({ address_refusals: 1 });
  });

  it('end a session without a name', async () => {
    await start({ SERVER_UNNAMED_TIMEOUT_MS: '50' });
    const client = await connectFrom();
    expect(await client.rest()).to.deep.equal(['E timeout: the session had no name after 50 ms']);
    expect(await limited()).to.deep.equal({ unnamed: 1 });
  });

  it('end a session after its longest time, and a new one goes on', async () => {
    await start({ SERVER_SESSION_LIFETIME_MS: '300', SERVER_WAIT_HOLD_MS: '0' });
    const client = await connectFrom();
    expect(await client.ask('N', '1')).to.equal('O 0');
    expect(await client.ask('B', '1,Ana,Paz,1,1999-03-17,7')).to.equal('O 1');
    expect(await client.rest()).to.deep.equal(['E timeout: no session may last longer than 300 ms']);
    expect(await (await connectFrom()).ask('N', '1')).to.equal('O 1');
    expect(await limited()).to.deep.equal({ lifetime: 1 });
  });

  it('slow the messages of an address, and lose none', async () => {
    await start({ SERVER_ADDRESS_MESSAGES_PER_SECOND: '100' });
    const rows = Array.from({ length: 250 }, (_, number) => `1,Ana,Paz,${number + 1},1999-03-17,7`);
    const client = await connectFrom('127.0.0.2');
    const begun = performance.now();
    client.write(message('N', '1'), ...rows.map((row) => message('B', row)));
    for (let stored = 0; stored <= 250; stored++) expect(await client.next()).to.equal(`O ${stored}`);
    expect(performance.now() - begun).to.be.at.least(1490);
    expect(await sandbox.storedRows()).to.deep.equal(rows.sort());
    const { address_messages: pauses, ...others } = await limited();
    expect(pauses).to.be.within(1, 151);
    expect(others).to.deep.equal({});
  });

  describe('behind a proxy', () => {
    /** A connection that begins with these bytes. */
    async function open(localAddress: string, bytes: Buffer): Promise<WireClient> {
      const client = await connectFrom(localAddress);
      client.write(bytes);
      return client;
    }

    const headerOf = (client: string): Buffer => v1(`TCP4 ${client} 192.0.2.9 4000 12345`);

    it('count the address in the header, of version 1 and 2', async () => {
      await start({ SERVER_PROXY_FROM: '127.0.0.2, 127.1.0.0/16', SERVER_ADDRESS_SESSIONS: '1' });
      expect(await (await open('127.0.0.2', headerOf('192.0.2.1'))).ask('N', '1')).to.equal('O 0');
      const block = Buffer.from([192, 0, 2, 1, 192, 0, 2, 9, 0x10, 0, 0x30, 0x39]);
      const second = await open('127.1.2.3', v2(0x21, 0x11, block));
      expect(await second.rest()).to.match(/^E busy: 1 sessions of this address/);
      expect(await (await open('127.0.0.2', headerOf('192.0.2.2'))).ask('N', '2')).to.equal('O 0');
      expect(await server.line(/accept_connections \| result: success/)).to.match(/ip: 192\.0\.2\.1 \| port: 4000$/);
    });

    it('believe no header of another address', async () => {
      await start({ SERVER_PROXY_FROM: '127.0.0.2' });
      const direct = await connectFrom();
      expect(await direct.ask('N', '1')).to.equal('O 0');
      const forged = await open('127.0.0.1', headerOf('192.0.2.1'));
      expect(await forged.rest()).to.match(/^E bad-type: /);
      expect(server.grep(/192\.0\.2\.1/)).to.deep.equal([]);
    });

    it('reset a connection of a proxy without a header, with one clear line', async () => {
      await start({ SERVER_PROXY_FROM: '127.0.0.2' });
      const socket: Socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      socket.write(message('N', '1'));
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ECONNRESET');
      expect(await server.line(REFUSED)).to.match(
        /ip: 127\.0\.0\.2 \| port: \d+ \| error: .*the PROXY header of 127\.0\.0\.2:\d+ does not begin as one \| refused: 1$/,
      );
      expect(await limited()).to.deep.equal({ proxy_header: 1 });
    });
  });
});
