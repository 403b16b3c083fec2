import { expect } from 'chai';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { App } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';

describe('the echo pair', function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;
  let server: App;
  let port: number;
  /** The servers of a test, closed after it. */
  let others: Server[] = [];

  async function listenAs(onConnection?: (socket: Socket) => void): Promise<string> {
    const other = createServer((socket) => {
      socket.on('error', () => {});
      onConnection?.(socket);
    }).listen(0, '127.0.0.1');
    others.push(other);
    await once(other, 'listening');
    return `127.0.0.1:${(other.address() as AddressInfo).port}`;
  }

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    server = new App('echoServer', { cwd: sandbox.directory, env: { ECHO_IP: '127.0.0.1', ECHO_PORT: '0' } });
    port = Number(/:(\d+)$/.exec(await server.line(/action: listen \| result: success/))![1]);
  });

  afterEach(async () => {
    await sandbox.dispose();
    for (const other of others) other.close();
    others = [];
  });

  const startClient = (env: Record<string, string> = {}): App =>
    new App('echoClient', {
      cwd: sandbox.directory,
      env: { CLI_SERVER_ADDRESS: `127.0.0.1:${port}`, CLI_LOOP_PERIOD_MS: '1', ...env },
    });

  it('exchanges the configured number of messages, each on its own connection', async () => {
    const client = startClient({ CLI_LOOP_AMOUNT: '3', CLI_ID: '7' });
    expect((await client.end()).code, client.stdout).to.equal(0);
    const received = client
      .grep(/action: receive_message \| result: success/)
      .map((line) => /msg: (.*)$/.exec(line)![1]);
    expect(received).to.deep.equal([1, 2, 3].map((number) => `[CLIENT 7] Message N°${number}`));
    expect(client.lines.at(-1)).to.match(/action: exit \| result: success$/);
    await server.stop('SIGTERM');
    expect(server.grep(/action: accept_connections \| result: success \| ip: 127\.0\.0\.1/)).to.have.length(3);
    expect(server.grep(/action: receive_message \| result: success .*msg: \[CLIENT 7\] Message N°2$/)).to.have.length(
      1,
    );
  });

  it('echoes every line of several peers, with any bytes', async () => {
    const lines = Buffer.concat([Buffer.from('hola, ñandú\r\n'), Buffer.of(0xff, 0x00, 0x7c, 0x0a), Buffer.from('\n')]);
    const sockets = [1, 2, 3].map(() => connect(port, '127.0.0.1'));
    for (const socket of sockets) {
      for (const byte of lines) socket.write(Buffer.of(byte));
      let echoed = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        echoed = Buffer.concat([echoed, chunk]);
        if (echoed.length >= lines.length) socket.end();
      });
      await once(socket, 'close');
      expect(echoed.equals(lines)).to.equal(true);
    }
    await server.linesMatching(/action: receive_message/, 9);
    expect(server.grep(/msg: .*\\u0000\\u007c$/)).to.have.length(3);
    expect(server.lines.every((line) => /^\d{4}-\d\d-\d\d .* action: /.test(line))).to.equal(true);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends the server orderly at ${signal}, with a peer in the middle of a line`, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write('half a li');
      await server.line(/action: accept_connections/);
      const closed = once(socket, 'close');
      socket.resume().on('error', () => {});
      const { code, ms } = await server.stop(signal);
      expect(code).to.equal(0);
      expect(ms).to.be.below(3000);
      await closed;
      expect(server.grep(/action: close_listener \| result: success/)).to.have.length(1);
      expect(server.grep(/action: close_connection \| result: success/)).to.have.length(1);
      expect(server.lines.at(-1)).to.match(/action: exit \| result: success$/);
      expect(server.stderr).to.equal('');
    });

    it(`ends the client orderly at ${signal}, between two messages`, async () => {
      const client = startClient({ CLI_LOOP_PERIOD_MS: '600000' });
      await client.line(/action: receive_message/);
      const { code, ms } = await client.stop(signal);
      expect(code).to.equal(0);
      expect(ms).to.be.below(3000);
      expect(client.lines.at(-1)).to.match(/action: exit \| result: success$/);
    });
  }

  it('ends the client orderly during the wait for an echo', async () => {
    let onConnected = (): void => {};
    const connected = new Promise<void>((resolve) => (onConnected = resolve));
    const client = startClient({ CLI_SERVER_ADDRESS: await listenAs(() => onConnected()) });
    await connected;
    const { code } = await client.stop('SIGTERM');
    expect(code).to.equal(0);
    expect(client.grep(/action: close_connection \| result: success/)).to.have.length(1);
  });

  it('fails the client without a server', async () => {
    await server.stop('SIGTERM');
    const client = startClient();
    expect((await client.end()).code).to.equal(1);
    expect(client.grep(/action: receive_message \| result: fail .*ECONNREFUSED/)).to.have.length(1);
  });

  it('fails the client after a wrong or missing echo', async () => {
    for (const answer of ['something else\n', '']) {
      const address = await listenAs((socket) => socket.resume().end(answer));
      const client = startClient({ CLI_SERVER_ADDRESS: address, CLI_LOOP_AMOUNT: '2' });
      expect((await client.end()).code, client.stdout).to.equal(1);
      expect(client.grep(/action: receive_message \| result: fail/)).to.have.length(2);
      expect(client.lines.at(-1)).to.match(/action: exit \| result: fail/);
    }
  });
});
