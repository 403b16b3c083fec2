import { once } from 'node:events';
import { type IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { type PhaseLimits } from '../../../../../../apps/server/status/http/open_connections';
import { TlsSockets } from '../../../../../../apps/server/status/http/tls_sockets';
import { identity, pem } from '../../../../../support/certificates';
import { answersIn, LARGE, nextAnswer, requestFor, TestStatusServer } from '../../../../../support/test_status_server';

describe('the status server by TLS', function () {
  this.timeout(20_000);
  let server: TestStatusServer;
  let current: { cert: string; key: string };
  const connections: Socket[] = [];

  beforeEach(async () => {
    current = identity('server');
    server = await TestStatusServer.start({ tls: new TlsSockets(() => current), maxConnections: 6 });
  });

  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.destroy();
    await server.close();
  });

  async function connect(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const { port } = server;
    const socket = connectTls({ port, host: '127.0.0.1', ca: pem('ca'), ...options });
    connections.push(socket);
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Sends a request on a new connection. Returns all bytes up to the end. */
  async function exchange(bytes: string): Promise<string> {
    const socket = await connect();
    socket.write(bytes);
    return text(socket);
  }

  /** The bytes up to the end of the connection, or 'reset'. */
  const endOf = (socket: Socket): Promise<string> => text(socket).catch(() => 'reset');
  const certificateOf = (socket: TLSSocket): string => socket.getPeerX509Certificate()!.fingerprint256;
  const statusesIn = (bytes: string): number[] => answersIn(bytes).map(({ status }) => status);

  it('has its address as an https URL', () => {
    expect(server.url).to.equal(`https://127.0.0.1:${server.port}/`);
  });

  it('answers by TLS 1.3, without a certificate of the client', async () => {
    const socket = await connect();
    expect([socket.getProtocol(), socket.authorized]).to.deep.equal(['TLSv1.3', true]);
    socket.write(requestFor('/now'));
    const [answer] = answersIn(await nextAnswer(socket, 'now\n'));
    expect([answer!.status, answer!.headers.get('connection')]).to.deep.equal([200, 'keep-alive']);
  });

  it('agrees on HTTP/1.1 with clients that offer HTTP/2 too', async () => {
    expect((await connect({ ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol).to.equal('http/1.1');
  });

  it('refuses TLS 1.2', async () => {
    const error: unknown = await connect({ maxVersion: 'TLSv1.2' }).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it('resumes no session', async () => {
    const first = await connect();
    let session = first.getSession();
    first.on('session', (latest) => (session = latest));
    first.write(requestFor('/now'));
    await nextAnswer(first, 'now\n');
    expect((await connect({ session })).isSessionReused()).to.equal(false);
  });

  it("keeps the connection of Node's own client, with small and large answers", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: pem('ca') });
    for (const [path, body] of [
      ['/large', LARGE],
      ['/now', 'now\n'],
      ['/large', LARGE],
    ] as const) {
      const sent = request({ port: server.port, host: '127.0.0.1', path, agent }).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      expect((await text(response)) === body, path).to.equal(true);
    }
    expect(Object.values(agent.freeSockets).flat()).to.have.lengthOf(1);
    agent.destroy();
  });

  it('serves its own hosts only', async () => {
    const close = 'Connection: close\r\n\r\n';
    expect(statusesIn(await exchange(`GET /now HTTP/1.1\r\nHost: localhost\r\n${close}`))).to.deep.equal([200]);
    expect(statusesIn(await exchange(`GET /now HTTP/1.1\r\nHost: evil.example\r\n${close}`))).to.deep.equal([421]);
    const whole = `GET https://evil.example/now HTTP/1.1\r\nHost: 127.0.0.1\r\n${close}`;
    expect(statusesIn(await exchange(whole))).to.deep.equal([421]);
  });

  it('uses a new certificate for new connections, and goes on with the open ones', async () => {
    const open = await connect();
    const before = certificateOf(open);
    current = identity('server_other_name');
    const after = certificateOf(await connect({ checkServerIdentity: () => undefined }));
    expect(after).not.to.equal(before);
    open.write(requestFor('/now'));
    expect(statusesIn(await nextAnswer(open, 'now\n'))).to.deep.equal([200]);
    current = identity('server');
    expect(certificateOf(await connect())).to.equal(before);
  });

  it('ends a connection of plain HTTP, and goes on', async () => {
    const plain = await server.dial(requestFor('/now'));
    expect(await endOf(plain)).not.to.match(/now\n/);
    expect(server.seen).to.deep.equal([]);
    expect(statusesIn(await exchange(requestFor('/now', { fields: 'Connection: close\r\n' })))).to.deep.equal([200]);
  });

  it('answers beside any number of connections without a handshake', async () => {
    for (const bytes of ['', '\x16\x03\x01\x02\x00\x01']) {
      for (let held = 0; held < 20; held++) await server.dial(bytes);
      const answer = await exchange(requestFor('/now', { fields: 'Connection: close\r\n' }));
      expect(statusesIn(answer)).to.deep.equal([200]);
    }
  });

  it('ends a connection whose handshake takes too long, and one without a request', async () => {
    const limits: PhaseLimits = { accepted: 100, head: 100, answer: 100, idle: 100, end: 100 };
    const slow = await TestStatusServer.start({ tls: new TlsSockets(() => current), limits });
    const socket = await slow.dial('\x16\x03\x01\x02\x00\x01');
    const secure = connectTls({ port: slow.port, host: '127.0.0.1', ca: pem('ca') });
    connections.push(secure);
    secure.on('error', () => {});
    await Promise.all([endOf(socket), once(secure.resume(), 'close')]);
    await slow.close();
  });

  it('closes all connections at its end, also those in their handshake', async () => {
    const [open, inHandshake] = [await connect(), await server.dial('\x16\x03\x01')];
    open.write(requestFor('/page'));
    await nextAnswer(open, '\n\n\r\n');
    const closed = Promise.all([once(open.resume(), 'close'), endOf(inHandshake)]);
    await server.close();
    await closed;
    server = await TestStatusServer.start();
  });
});
