import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { expect } from 'chai';
import { Hono } from 'hono';
import { ServerActivity } from '../../../../apps/server/activity/server_activity';
import { type PhaseLimits } from '../../../../apps/server/status/open_connections';
import { PageStream } from '../../../../apps/server/status/page_stream';
import { securityHeaders } from '../../../../apps/server/status/security_headers';
import { type StatusApp } from '../../../../apps/server/status/status_app';
import { ServedHosts } from '../../../../apps/server/status/served_hosts';
import { StatusBoard } from '../../../../apps/server/status/status_board';
import { StatusServer, type StatusServerParts } from '../../../../apps/server/status/status_server';

const HEADERS = securityHeaders("default-src 'none'");
const LARGE = 'x'.repeat(8_000_000);

/** One request as it is sent. */
function requestFor(path: string, { method = 'GET', fields = '' } = {}): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${fields}\r\n`;
}

interface Answer {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly body: string;
}

/** The answers that a connection gave up to its end, each with a body of the length that it says. */
function answersIn(bytes: string, { isHead = false } = {}): Answer[] {
  const answers: Answer[] = [];
  for (let rest = bytes; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    expect(end, rest.slice(0, 200)).to.be.at.least(4);
    const [line, ...fields] = rest.slice(0, end - 4).split('\r\n');
    const headers = new Map(
      fields.map((field) => {
        const colon = field.indexOf(': ');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 2)];
      }),
    );
    const length = isHead ? 0 : Number(headers.get('content-length') ?? 0);
    answers.push({ status: Number(line!.split(' ')[1]), headers, body: rest.slice(end, end + length) });
    rest = rest.slice(end + length);
  }
  return answers;
}

describe('the HTTP server of the status side', function () {
  this.timeout(20_000);
  const sockets: Socket[] = [];
  const seen: string[] = [];
  let stream: PageStream;
  let server: StatusServer;
  let port: number;
  let held: { answer: () => void; isAsked: Promise<void> };

  /** Endpoints that note what they are asked for: one answers at once, one when the test says so, one is large, one a page. */
  function createApp(): StatusApp {
    const app: StatusApp = new Hono();
    app.use(async (context, next) => {
      seen.push(`${context.req.method} ${context.req.path}`);
      await next();
    });
    app.get('/now', (context) => context.text('now\n'));
    let asked: () => void;
    let answer: () => void;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const isAnswered = new Promise<void>((resolve) => (answer = resolve));
    held = { answer: answer!, isAsked };
    app.get('/held', async (context) => {
      asked();
      await isAnswered;
      return context.text('held\n');
    });
    app.get('/large', (context) => context.text(LARGE));
    app.get('/page', (context) => {
      const { outgoing } = context.env;
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
      stream.add(outgoing);
      return RESPONSE_ALREADY_SENT;
    });
    return app;
  }

  async function start(more: Partial<StatusServerParts> = {}): Promise<void> {
    stream = new PageStream(new StatusBoard(new ServerActivity(), 3, 7574));
    server = new StatusServer({
      fetch: createApp().fetch,
      headers: HEADERS,
      hosts: new ServedHosts([]),
      mostConnections: 100,
      isPage: (response) => stream.has(response),
      onError: (error) => {
        throw error;
      },
      ...more,
    });
    port = Number(new URL(await server.listen(0, '127.0.0.1')).port);
  }

  beforeEach(() => {
    seen.length = 0;
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  async function dial(bytes = ''): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
    if (bytes !== '') socket.write(bytes);
    return socket;
  }

  /** Sends the pieces, each once the one before is on its way, and gives all that is answered up to the server's end. */
  async function exchange(...pieces: string[]): Promise<string> {
    const socket = await dial();
    const answer = text(socket);
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, 'latin1', resolve));
    return answer;
  }

  /** What comes next on a connection, up to these words. */
  async function nextAnswer(socket: Socket, endsWith: string): Promise<string> {
    let bytes = '';
    while (!bytes.endsWith(endsWith)) {
      const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
      bytes += chunk.toString('latin1');
    }
    return bytes;
  }

  describe('one request in flight a connection', () => {
    beforeEach(() => start());

    it('answers the first of those that come at once, and ends', async () => {
      const [answer, ...more] = answersIn(await exchange(requestFor('/now').repeat(1000)));
      expect(more).to.deep.equal([]);
      expect(answer).to.include({ status: 200, body: 'now\n' });
      expect(answer!.headers.get('connection')).to.equal('close');
      expect(seen).to.deep.equal(['GET /now']);
    });

    it('ends behind a response that was in flight when more came', async () => {
      const socket = await dial(requestFor('/held'));
      const answer = text(socket);
      await held.isAsked;
      await new Promise((resolve) => socket.write(requestFor('/now'), resolve));
      // Another connection's answer comes after the server has seen those bytes.
      expect(answersIn(await exchange(requestFor('/now', { fields: 'Connection: close\r\n' })))).to.have.lengthOf(1);
      held.answer();
      const answers = answersIn(await answer);
      expect(answers.map(({ status, body }) => [status, body])).to.deep.equal([[200, 'held\n']]);
      expect(answers[0]!.headers.get('connection')).to.equal('close');
      expect(seen).to.deep.equal(['GET /held', 'GET /now']);
    });

    it('ends behind a response whose head was sent already when more came', async () => {
      const socket = await dial(requestFor('/page'));
      await nextAnswer(socket, '\n\n\r\n');
      const rest = text(socket);
      await new Promise((resolve) => socket.write(requestFor('/now'), resolve));
      await exchange(requestFor('/now', { fields: 'Connection: close\r\n' }));
      stream.end();
      expect(await rest).to.equal('0\r\n\r\n');
      expect(seen).to.deep.equal(['GET /page', 'GET /now']);
    });

    it('serves one request after the other of a client that waits for each answer', async () => {
      const socket = await dial();
      for (const method of ['GET', 'HEAD', 'GET']) {
        socket.write(requestFor('/now', { method }));
        const [answer] = answersIn(await nextAnswer(socket, method === 'HEAD' ? '\r\n\r\n' : 'now\n'), {
          isHead: method === 'HEAD',
        });
        expect(answer).to.include({ status: 200, body: method === 'HEAD' ? '' : 'now\n' });
        expect(answer!.headers.get('connection')).to.equal('keep-alive');
        expect(answer!.headers.get('keep-alive')).to.equal('timeout=30');
      }
      expect(seen).to.deep.equal(['GET /now', 'HEAD /now', 'GET /now']);
    });

    it("keeps the connection of Node's own client, whatever the size of the answers", async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (const [path, body] of [
        ['/large', LARGE],
        ['/now', 'now\n'],
        ['/large', LARGE],
      ] as const) {
        const [response] = (await once(get({ port, host: '127.0.0.1', path, agent }), 'response')) as [IncomingMessage];
        expect((await text(response)) === body, path).to.equal(true);
      }
      expect(Object.values(agent.freeSockets).flat()).to.have.lengthOf(1);
      agent.destroy();
    });

    it('takes a head in pieces, wherever it is split', async () => {
      const head = `\r\n${requestFor('/now', { fields: 'Connection: close\r\n' })}`;
      for (let split = 1; split < head.length; split++) {
        const answers = answersIn(await exchange(head.slice(0, split), head.slice(split)));
        expect(
          answers.map(({ status, body }) => [status, body]),
          `split at ${split}`,
        ).to.deep.equal([[200, 'now\n']]);
      }
    });

    it('answers a client that ends its side behind the request', async () => {
      const socket = await dial();
      socket.end('GET /now HTTP/1.0\r\n\r\n');
      expect(answersIn(await text(socket)).map(({ status, body }) => [status, body])).to.deep.equal([[200, 'now\n']]);
    });

    it('reads no body, however long it is, and ends behind the answer', async () => {
      for (const field of ['Content-Length: 1000000000', 'Transfer-Encoding: chunked']) {
        const socket = await dial(requestFor('/now', { method: 'POST', fields: `${field}\r\n` }));
        const answer = buffer(socket);
        const body = `F4240\r\n${'x'.repeat(1_000_000)}\r\n`;
        for (let megabytes = 0; megabytes < 30; megabytes++) socket.write(body);
        const answers = answersIn((await answer).toString('latin1'));
        expect(
          answers.map(({ status }) => status),
          field,
        ).to.deep.equal([404]);
        expect(answers[0]!.headers.get('connection')).to.equal('close');
        expect(socket.bytesWritten - socket.writableLength, 'bytes that were taken').to.be.below(20_000_000);
      }
    });

    it('does not take a body that comes late for a request', async () => {
      const socket = await dial(requestFor('/now', { fields: `Content-Length: ${requestFor('/now').length}\r\n` }));
      const answer = text(socket);
      await once(socket, 'readable');
      socket.write(requestFor('/now').repeat(3));
      expect(answersIn(await answer).map(({ status }) => status)).to.deep.equal([200]);
      expect(seen).to.deep.equal(['GET /now']);
    });
  });

  describe('the host of a request', () => {
    beforeEach(() => start({ hosts: new ServedHosts(['box.example']) }));

    const statusOf = async (bytes: string): Promise<number[]> =>
      answersIn(await exchange(bytes.replace(/\r\n\r\n$/, '\r\nConnection: close\r\n\r\n'))).map(
        ({ status }) => status,
      );

    const served = [
      ...['127.0.0.1', '127.0.0.1:1', '127.0.0.1.', '[::1]', '[0:0:0:0:0:0:0:1]:80', 'localhost', 'LOCALHOST.:80'],
      ...['Box.Example', 'box.example.:8080', ''],
    ];
    for (const host of served) {
      it(`is served as ${JSON.stringify(host)}`, async () => {
        expect(await statusOf(`GET /now HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).to.deep.equal([200]);
      });
    }

    for (const host of [
      'evil.example',
      'evil.example:8080',
      '127.0.0.1.evil.example',
      'box.example/',
      '[box.example]',
    ]) {
      it(`is refused as ${JSON.stringify(host)}, in one clear line`, async () => {
        for (const path of ['/now', '/page', '/nothing']) {
          const bytes = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
          const [{ status, headers, body }] = answersIn(await exchange(bytes)) as [Answer];
          expect([status, body]).to.deep.equal([421, 'this host is not served here: see SERVER_STATUS_HOSTS\n']);
          expect(headers.get('content-type')).to.equal('text/plain; charset=utf-8');
        }
        expect(seen, 'what the endpoints have seen').to.deep.equal([]);
      });
    }

    it('may be absent in HTTP/1.0, and not in HTTP/1.1', async () => {
      expect(await statusOf('GET /now HTTP/1.0\r\n\r\n')).to.deep.equal([200]);
      expect(await statusOf('GET /now HTTP/1.1\r\n\r\n')).to.deep.equal([400]);
      expect(await statusOf('GET /now HTTP/1.0\r\nHost: evil.example\r\n\r\n')).to.deep.equal([421]);
    });

    it('is one', async () => {
      const two = 'GET /now HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n';
      expect(await statusOf(two)).to.deep.equal([400]);
    });

    it('is that of a target that is a whole URL', async () => {
      const whole = (host: string): string => `GET http://${host}/now HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
      expect(await statusOf(whole('localhost:99'))).to.deep.equal([200]);
      expect(await statusOf(whole('evil.example'))).to.deep.equal([421]);
      expect(await statusOf(whole('localhost@evil.example'))).to.deep.equal([421]);
    });

    it('is asked of every method, and the connection stays', async () => {
      for (const method of ['HEAD', 'POST', 'OPTIONS']) {
        const bytes = `${method} /now HTTP/1.1\r\nHost: evil.example\r\n\r\n`;
        expect(await statusOf(bytes), method).to.deep.equal([421]);
      }
      const socket = await dial('GET /now HTTP/1.1\r\nHost: evil.example\r\n\r\n');
      await nextAnswer(socket, 'SERVER_STATUS_HOSTS\n');
      socket.write(requestFor('/now'));
      expect(answersIn(await nextAnswer(socket, 'now\n')).map(({ status }) => status)).to.deep.equal([200]);
    });
  });

  describe('every answer', () => {
    beforeEach(() => start());

    const asked: Record<string, readonly [status: number, bytes: string]> = {
      'what is there': [200, requestFor('/now')],
      'what is there, to HEAD': [200, requestFor('/now', { method: 'HEAD' })],
      'what is not there': [404, requestFor('/nothing')],
      'an expectation': [200, requestFor('/now', { fields: 'Expect: 100-continue\r\n' })],
      'an odd expectation': [200, requestFor('/now', { fields: 'Expect: wonders\r\n' })],
      'an upgrade': [200, requestFor('/now', { fields: 'Connection: Upgrade\r\nUpgrade: websocket\r\n' })],
      'a tunnel': [405, 'CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
      'a foreign host': [421, 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
      'no host': [400, 'GET / HTTP/1.1\r\n\r\n'],
      'a path that is none': [400, requestFor('/a\\b')],
      'what is no request': [400, '\u0000nonsense\r\n\r\n'],
      'half a line, and then no more': [400, 'GET / HT'],
      'a head that is too long': [431, requestFor('/now', { fields: `A: ${'x'.repeat(20_000)}\r\n` })],
    };
    for (const [kind, [status, bytes]] of Object.entries(asked)) {
      it(`has the security headers: to ${kind}`, async () => {
        const socket = await dial();
        socket.end(bytes, 'latin1');
        const [answer, ...more] = answersIn(await text(socket), { isHead: bytes.startsWith('HEAD') });
        expect(more).to.deep.equal([]);
        expect(answer!.status).to.equal(status);
        expectSecurity(answer!);
      });
    }

    it('has the security headers: to one who opens a page', async () => {
      const socket = await dial(requestFor('/page'));
      const [answer] = answersIn((await nextAnswer(socket, '\n\n\r\n')).split(/[0-9a-f]+\r\nretry/)[0]!);
      expect(answer!.headers.get('content-type')).to.equal('text/event-stream');
      expectSecurity(answer!);
    });

    function expectSecurity({ headers }: Answer): void {
      const names = Object.keys(HEADERS);
      expect(Object.fromEntries(names.map((name) => [name, headers.get(name.toLowerCase())]))).to.deep.equal(HEADERS);
    }
  });

  describe('the phases of a connection', () => {
    const limits: PhaseLimits = { accepted: 100, head: 100, answer: 100, idle: 100, end: 100 };

    it('end in time, and those of an open page do not', async () => {
      await start({ limits });
      const page = await dial(requestFor('/page'));
      page.resume();
      await once(page, 'data');

      const unread = await dial(requestFor('/large'));
      const statuses = async (bytes: string): Promise<number[]> =>
        answersIn(await exchange(bytes)).map(({ status }) => status);
      const [silent, slow, idle, pipelining] = await Promise.all([
        statuses(''),
        statuses('GET /now HT'),
        statuses(requestFor('/now')),
        statuses(requestFor('/now').repeat(2)),
      ]);
      expect(silent, 'silent').to.deep.equal([]);
      expect(slow, 'slow').to.deep.equal([408]);
      expect(idle, 'idle').to.deep.equal([200]);
      expect(pipelining, 'pipelining').to.deep.equal([200]);
      const part = await text(unread);
      expect(part.length, 'unread').to.be.within(1, LARGE.length - 1);
      expect(stream.size).to.equal(1);
      expect(page.readableEnded).to.equal(false);
    });
  });

  it('answers one who comes, however many hold a connection', async () => {
    await start({ mostConnections: 6 });
    const pages = [await dial(requestFor('/page')), await dial(requestFor('/page'))];
    for (const page of pages) await once(page.resume(), 'data');
    for (const bytes of ['', 'GET /now HT', requestFor('/now'), requestFor('/large')]) {
      for (let count = 0; count < 12; count++) await dial(bytes);
      const [answer] = answersIn(await exchange(requestFor('/now', { fields: 'Connection: close\r\n' })));
      expect(answer, `beside ${JSON.stringify(bytes)}`).to.include({ status: 200, body: 'now\n' });
    }
    expect(stream.size).to.equal(2);
    for (const page of pages) expect(page.readableEnded).to.equal(false);
  });

  it('says why it cannot listen, and keeps nothing running', async () => {
    await start();
    const other = new StatusServer({
      fetch: createApp().fetch,
      headers: HEADERS,
      hosts: new ServedHosts([]),
      mostConnections: 1,
      isPage: () => false,
      onError: () => {},
    });
    const error = await other.listen(port, '127.0.0.1').catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'EADDRINUSE');
  });
});
