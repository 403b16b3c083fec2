import { expect } from 'chai';
import { ServedHosts } from '../../../../../../apps/server/status/http/served_hosts';
import {
  type Answer,
  answersIn,
  nextAnswer,
  requestFor,
  TestStatusServer,
} from '../../../../../support/test_status_server';

describe('the host of a request to the status server', () => {
  let server: TestStatusServer;

  afterEach(async () => {
    await server.close();
  });

  beforeEach(async () => {
    server = await TestStatusServer.start({ hosts: new ServedHosts(['box.example']) });
  });

  const statusOf = async (bytes: string): Promise<number[]> =>
    answersIn(await server.exchange(bytes.replace(/\r\n\r\n$/, '\r\nConnection: close\r\n\r\n'))).map(
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

  for (const host of ['evil.example', 'evil.example:8080', '127.0.0.1.evil.example', 'box.example/', '[box.example]']) {
    it(`is refused as ${JSON.stringify(host)}, in one clear line`, async () => {
      for (const path of ['/now', '/page', '/nothing']) {
        const bytes = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        const [{ status, headers, body }] = answersIn(await server.exchange(bytes)) as [Answer];
        expect([status, body]).to.deep.equal([421, 'this host is not served here: see SERVER_STATUS_HOSTS\n']);
        expect(headers.get('content-type')).to.equal('text/plain; charset=utf-8');
      }
      expect(server.seen, 'requests at the endpoints').to.deep.equal([]);
    });
  }

  it('may be absent in HTTP/1.0, and not in HTTP/1.1', async () => {
    expect(await statusOf('GET /now HTTP/1.0\r\n\r\n')).to.deep.equal([200]);
    expect(await statusOf('GET /now HTTP/1.1\r\n\r\n')).to.deep.equal([400]);
    expect(await statusOf('GET /now HTTP/1.0\r\nHost: evil.example\r\n\r\n')).to.deep.equal([421]);
  });

  it('may not occur twice', async () => {
    const two = 'GET /now HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n';
    expect(await statusOf(two)).to.deep.equal([400]);
  });

  it('is the host of the target if the target is a whole URL', async () => {
    const whole = (host: string): string => `GET http://${host}/now HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    expect(await statusOf(whole('localhost:99'))).to.deep.equal([200]);
    expect(await statusOf(whole('evil.example'))).to.deep.equal([421]);
    expect(await statusOf(whole('localhost@evil.example'))).to.deep.equal([421]);
  });

  it('is checked for every method, and the connection stays open', async () => {
    for (const method of ['HEAD', 'POST', 'OPTIONS']) {
      const bytes = `${method} /now HTTP/1.1\r\nHost: evil.example\r\n\r\n`;
      expect(await statusOf(bytes), method).to.deep.equal([421]);
    }
    const socket = await server.dial('GET /now HTTP/1.1\r\nHost: evil.example\r\n\r\n');
    await nextAnswer(socket, 'SERVER_STATUS_HOSTS\n');
    socket.write(requestFor('/now'));
    expect(answersIn(await nextAnswer(socket, 'now\n')).map(({ status }) => status)).to.deep.equal([200]);
  });
});
