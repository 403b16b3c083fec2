import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import { expect } from 'chai';
import { type PhaseLimits } from '../../../../../../apps/server/status/http/open_connections';
import {
  type Answer,
  answersIn,
  HEADERS,
  LARGE,
  nextAnswer,
  requestFor,
  TestStatusServer,
} from '../../../../../support/test_status_server';

describe('the HTTP server of the status pages', function () {
  this.timeout(20_000);
  let server: TestStatusServer;

  afterEach(async () => {
    await server.close();
  });

  describe('with one request in flight on a connection', () => {
    beforeEach(async () => {
      server = await TestStatusServer.start();
    });

    it('answers the first of pipelined requests, and ends the connection', async () => {
      const [answer, ...more] = answersIn(await server.exchange(requestFor('/now').repeat(1000)));
      expect(more).to.deep.equal([]);
      expect(answer).to.include({ status: 200, body: 'now\n' });
      expect(answer!.headers.get('connection')).to.equal('close');
      expect(server.seen).to.deep.equal(['GET /now']);
    });

    it('ends the connection after a response if another request arrived before it', async () => {
      const socket = await server.dial(requestFor('/held'));
      const answer = text(socket);
      await server.heldIsAsked;
      await new Promise((resolve) => socket.write(requestFor('/now'), resolve));
      // The answer on another connection proves that the server has received these bytes.
      expect(
        answersIn(await server.exchange(requestFor('/now', { fields: 'Connection: close\r\n' }))),
      ).to.have.lengthOf(1);
      server.answerHeld();
      const answers = answersIn(await answer);
      expect(answers.map(({ status, body }) => [status, body])).to.deep.equal([[200, 'held\n']]);
      expect(answers[0]!.headers.get('connection')).to.equal('close');
      expect(server.seen).to.deep.equal(['GET /held', 'GET /now']);
    });

    it('ends the connection after a response if another request arrived after its head', async () => {
      const socket = await server.dial(requestFor('/page'));
      await nextAnswer(socket, '\n\n\r\n');
      const rest = text(socket);
      await new Promise((resolve) => socket.write(requestFor('/now'), resolve));
      await server.exchange(requestFor('/now', { fields: 'Connection: close\r\n' }));
      server.stream.end();
      expect(await rest).to.equal('0\r\n\r\n');
      expect(server.seen).to.deep.equal(['GET /page', 'GET /now']);
    });

    it('answers the sequential requests of a client on one connection', async () => {
      const socket = await server.dial();
      for (const method of ['GET', 'HEAD', 'GET']) {
        socket.write(requestFor('/now', { method }));
        const [answer] = answersIn(await nextAnswer(socket, method === 'HEAD' ? '\r\n\r\n' : 'now\n'), {
          isHead: method === 'HEAD',
        });
        expect(answer).to.include({ status: 200, body: method === 'HEAD' ? '' : 'now\n' });
        expect(answer!.headers.get('connection')).to.equal('keep-alive');
        expect(answer!.headers.get('keep-alive')).to.equal('timeout=30');
      }
      expect(server.seen).to.deep.equal(['GET /now', 'HEAD /now', 'GET /now']);
    });

    it("keeps the connection of Node's own client, with small and large answers", async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (const [path, body] of [
        ['/large', LARGE],
        ['/now', 'now\n'],
        ['/large', LARGE],
      ] as const) {
        const [response] = (await once(get({ port: server.port, host: '127.0.0.1', path, agent }), 'response')) as [
          IncomingMessage,
        ];
        expect((await text(response)) === body, path).to.equal(true);
      }
      expect(Object.values(agent.freeSockets).flat()).to.have.lengthOf(1);
      agent.destroy();
    });

    it('reads a head that is split at any byte', async () => {
      const head = `\r\n${requestFor('/now', { fields: 'Connection: close\r\n' })}`;
      for (let split = 1; split < head.length; split++) {
        const answers = answersIn(await server.exchange(head.slice(0, split), head.slice(split)));
        expect(
          answers.map(({ status, body }) => [status, body]),
          `split at ${split}`,
        ).to.deep.equal([[200, 'now\n']]);
      }
    });

    it('answers a client that ends its side after the request', async () => {
      const socket = await server.dial();
      socket.end('GET /now HTTP/1.0\r\n\r\n');
      expect(answersIn(await text(socket)).map(({ status, body }) => [status, body])).to.deep.equal([[200, 'now\n']]);
    });

    it('reads no body of any length, and ends the connection after the answer', async () => {
      for (const field of ['Content-Length: 1000000000', 'Transfer-Encoding: chunked']) {
        const socket = await server.dial(requestFor('/now', { method: 'POST', fields: `${field}\r\n` }));
        const answer = buffer(socket);
        const body = `F4240\r\n${'x'.repeat(1_000_000)}\r\n`;
        for (let megabytes = 0; megabytes < 30; megabytes++) socket.write(body);
        const answers = answersIn((await answer).toString('latin1'));
        expect(
          answers.map(({ status }) => status),
          field,
        ).to.deep.equal([404]);
        expect(answers[0]!.headers.get('connection')).to.equal('close');
        expect(socket.bytesWritten - socket.writableLength, 'sent bytes of the body').to.be.below(20_000_000);
      }
    });

    it('does not read a late body as a request', async () => {
      const socket = await server.dial(
        requestFor('/now', { fields: `Content-Length: ${requestFor('/now').length}\r\n` }),
      );
      const answer = text(socket);
      await once(socket, 'readable');
      socket.write(requestFor('/now').repeat(3));
      expect(answersIn(await answer).map(({ status }) => status)).to.deep.equal([200]);
      expect(server.seen).to.deep.equal(['GET /now']);
    });
  });

  describe('every answer', () => {
    beforeEach(async () => {
      server = await TestStatusServer.start();
    });

    const requests: Record<string, readonly [status: number, bytes: string]> = {
      'an existing path': [200, requestFor('/now')],
      'an existing path, with HEAD': [200, requestFor('/now', { method: 'HEAD' })],
      'a missing path': [404, requestFor('/nothing')],
      'an expectation': [200, requestFor('/now', { fields: 'Expect: 100-continue\r\n' })],
      'an unknown expectation': [200, requestFor('/now', { fields: 'Expect: wonders\r\n' })],
      'an upgrade': [200, requestFor('/now', { fields: 'Connection: Upgrade\r\nUpgrade: websocket\r\n' })],
      'a tunnel': [405, 'CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
      'a foreign host': [421, 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
      'no host': [400, 'GET / HTTP/1.1\r\n\r\n'],
      'an invalid path': [400, requestFor('/a\\b')],
      'bytes other than HTTP': [400, '\u0000nonsense\r\n\r\n'],
      'half a line': [400, 'GET / HT'],
      'a head that is too long': [431, requestFor('/now', { fields: `A: ${'x'.repeat(20_000)}\r\n` })],
    };
    for (const [kind, [status, bytes]] of Object.entries(requests)) {
      it(`has the security headers: to ${kind}`, async () => {
        const socket = await server.dial();
        socket.end(bytes, 'latin1');
        const [answer, ...more] = answersIn(await text(socket), { isHead: bytes.startsWith('HEAD') });
        expect(more).to.deep.equal([]);
        expect(answer!.status).to.equal(status);
        expectSecurity(answer!);
      });
    }

    it('has the security headers: to an open page', async () => {
      const socket = await server.dial(requestFor('/page'));
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

    it('have time limits, except for an open page', async () => {
      server = await TestStatusServer.start({ limits });
      const page = await server.dial(requestFor('/page'));
      page.resume();
      await once(page, 'data');

      const unread = await server.dial(requestFor('/large'));
      const statuses = async (bytes: string): Promise<number[]> =>
        answersIn(await server.exchange(bytes)).map(({ status }) => status);
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
      expect(server.stream.size).to.equal(1);
      expect(page.readableEnded).to.equal(false);
    });
  });

  it('answers a new client beside any number of held connections', async () => {
    server = await TestStatusServer.start({ maxConnections: 6 });
    const pages = [await server.dial(requestFor('/page')), await server.dial(requestFor('/page'))];
    for (const page of pages) await once(page.resume(), 'data');
    for (const bytes of ['', 'GET /now HT', requestFor('/now'), requestFor('/large')]) {
      for (let count = 0; count < 12; count++) await server.dial(bytes);
      const [answer] = answersIn(await server.exchange(requestFor('/now', { fields: 'Connection: close\r\n' })));
      expect(answer, `beside ${JSON.stringify(bytes)}`).to.include({ status: 200, body: 'now\n' });
    }
    expect(server.stream.size).to.equal(2);
    for (const page of pages) expect(page.readableEnded).to.equal(false);
  });

  it('reports the reason of a failed listen', async () => {
    server = await TestStatusServer.start();
    const error = await TestStatusServer.start({}, server.port).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'EADDRINUSE');
  });
});
