import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { isFromOtherSite } from '../../../../../../apps/server/status/http/request_origin';
import { answersIn, nextAnswer, requestFor, TestStatusServer } from '../../../../../support/test_status_server';

function formFor(body: string, { path = '/form', fields = '' } = {}): string {
  return requestFor(path, { method: 'POST', fields: `Content-Length: ${body.length}\r\n${fields}` }) + body;
}

describe('the forms of the status server', function () {
  this.timeout(20_000);
  let server: TestStatusServer;

  beforeEach(async () => {
    server = await TestStatusServer.start({ forms: true });
  });

  afterEach(async () => {
    await server.close();
  });

  const answers = async (...pieces: string[]): Promise<(string | number)[][]> =>
    answersIn(await server.exchange(...pieces)).map(({ status, body }) => [status, body]);

  it('arrive whole, and end the connection', async () => {
    for (const body of ['', 'a=1', 'x'.repeat(2048)]) {
      const fields = body === '' ? 'Connection: close\r\n' : '';
      expect(await answers(formFor(body, { fields }))).to.deep.equal([[200, `form: ${body}\n`]]);
    }
  });

  it('arrive whole if they are split at any byte', async () => {
    const form = formFor('token=abc');
    for (let split = 1; split < form.length; split++) {
      const received = await answers(form.slice(0, split), form.slice(split));
      expect(received, `split at ${split}`).to.deep.equal([[200, 'form: token=abc\n']]);
    }
  });

  it('hide no further request behind them', async () => {
    expect(await answers(formFor('a=1') + requestFor('/now'))).to.deep.equal([[200, 'form: a=1\n']]);
    const socket = await server.dial(formFor('a=1').slice(0, -1));
    const answer = text(socket);
    await new Promise((resolve) => socket.write(`1${requestFor('/now').repeat(3)}`, resolve));
    expect(answersIn(await answer).map(({ body }) => body)).to.deep.equal(['form: a=1\n']);
    expect(server.seen).to.deep.equal(['POST /form', 'POST /form']);
  });

  it('are refused if they are too long, or have no length', async () => {
    const tooLong = requestFor('/form', { method: 'POST', fields: 'Content-Length: 2049\r\n' });
    expect(await answers(tooLong)).to.deep.equal([[413, 'the body of the request is too long\n']]);
    const chunked = requestFor('/form', { method: 'POST', fields: 'Transfer-Encoding: chunked\r\n' });
    expect(await answers(`${chunked}3\r\na=1\r\n0\r\n\r\n`)).to.deep.equal([[411, 'a form has a Content-Length\n']]);
    expect(server.seen).to.deep.equal([]);
  });

  it('are no reason to read the body of another request', async () => {
    const get = requestFor('/now', { fields: 'Content-Length: 3\r\n' });
    expect(await answers(`${get}a=1`)).to.deep.equal([[200, 'now\n']]);
  });

  it('end with the connection if they stay incomplete', async () => {
    const limits = { accepted: 100, head: 100, answer: 100, idle: 100, end: 100 };
    const slow = await TestStatusServer.start({ forms: true, limits });
    const socket = await slow.dial(formFor('a=1').slice(0, -1));
    expect(await text(socket).catch(() => '')).to.equal('');
    await slow.close();
  });

  it('leave the connection open for GET', async () => {
    const socket = await server.dial(requestFor('/now'));
    await nextAnswer(socket, 'now\n');
    socket.write(formFor('a=1'));
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(answersIn(chunk.toString('latin1')).map(({ body }) => body)).to.deep.equal(['form: a=1\n']);
  });

  const otherSites = [
    'Sec-Fetch-Site: cross-site\r\nOrigin: http://127.0.0.1\r\n',
    'Sec-Fetch-Site: same-site\r\n',
    'Sec-Fetch-Site: none\r\n',
    'Origin: http://evil.example\r\n',
    'Origin: http://127.0.0.1:99\r\n',
    'Origin: null\r\n',
  ];
  for (const fields of otherSites) {
    it(`are refused from another site: ${JSON.stringify(fields)}`, async () => {
      expect(await answers(formFor('a=1', { fields }))).to.deep.equal([
        [403, 'a page of another site sent this request\n'],
      ]);
      expect(server.seen).to.deep.equal([]);
    });
  }

  for (const fields of ['Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n', 'Origin: https://127.0.0.1\r\n', '']) {
    it(`arrive from a page of the server, or a client without pages: ${JSON.stringify(fields)}`, async () => {
      expect(await answers(formFor('a=1', { fields }))).to.deep.equal([[200, 'form: a=1\n']]);
    });
  }

  it('have the host of the origin with its port, in any case', () => {
    const origin = 'http://box.example:8080';
    expect(isFromOtherSite({ origin }, 'Box.Example:8080')).to.equal(false);
    expect(isFromOtherSite({ origin }, 'box.example')).to.equal(true);
  });
});
