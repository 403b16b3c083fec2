import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { hostname } from 'node:os';
import { expect } from 'chai';
import { type StatusReport } from '../../apps/server/status/report/status_report';
import { findFreePort } from '../../tools/free_port';
import { App } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';
import { metricsIn, readDocumentedMetrics, readDrawnMetrics, requireDrawn } from '../support/metrics_text';
import { promtool, whyNoPromtool } from '../support/promtool';
import { reportWhere } from '../support/status_report';
import { message } from '../support/wire_client';

describe('the status server', function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;
  let url: string;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    url = '';
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  async function start(env: Record<string, string> = {}) {
    const statusPort = String(await findFreePort());
    const server = await sandbox.startServer({
      SERVER_AGENCIES: '2',
      SERVER_STATUS_PORT: statusPort,
      SERVER_WINNING_NUMBER: '42',
      ...env,
    });
    const line = await server.app.line(/action: status_page \| result: success/);
    url = /url: (\S+)/.exec(line)![1]!;
    expect(url).to.equal(`http://127.0.0.1:${statusPort}/`);
    return server;
  }

  const get = async (path: string): Promise<Response> => fetch(url + path);

  /** A small lottery: agency 1 has two bets, and one wins; agency 2 has an error, and then finishes without bets. */
  async function playLottery(port: number): Promise<void> {
    const one = await sandbox.connect(port);
    expect(await one.ask('N', '1')).to.equal('O 0');
    expect(await one.ask('B', '1,Ana,Paz,30904465,1999-03-17,42\n1,Eva,Sol,30904466,1999-03-17,43')).to.equal('O 2');
    expect(await one.ask('F')).to.equal('O 2');
    const wrong = await sandbox.connect(port);
    wrong.write(message('N', '2'), message('B', 'nonsense'));
    await wrong.rest();
    const two = await sandbox.connect(port);
    expect(await two.ask('N', '2')).to.equal('O 0');
    expect(await two.ask('F')).to.equal('O 0');
    expect(await one.ask('A')).to.equal('R');
    expect(await one.ask('N', '1')).to.equal('R 30904465');
  }

  const statusWhere = (isSo: (status: StatusReport) => boolean): Promise<StatusReport> => reportWhere(url, isSo);

  it('reports the server as alive and ready until its stop', async () => {
    const { app } = await start();
    expect((await get('healthz')).status).to.equal(200);
    const ready = await get('readyz');
    expect([ready.status, await ready.text()]).to.deep.equal([200, 'ready\n']);
    expect((await app.stop('SIGTERM')).code).to.equal(0);
    expect(app.grep(/action: close_status_page \| result: success/)).to.have.length(1);
    expect(await get('healthz').catch(() => 'refused')).to.equal('refused');
  });

  it('reports a whole lottery in status.json, also after a restart', async () => {
    const { app, port } = await start();
    await playLottery(port);
    const { agency, bets, agencies, draw, errors } = await statusWhere(({ draw }) => draw.held);
    expect(agency.map((each) => ({ ...each, curve: 0, lastError: 0, perSecond: 0 }))).to.deep.equal([
      { id: 1, state: 'winners', bets: 2, perSecond: 0, errors: 0, lastError: 0, winners: 1, curve: 0 },
      { id: 2, state: 'finished', bets: 0, perSecond: 0, errors: 1, lastError: 0, winners: 0, curve: 0 },
    ]);
    expect(bets).to.have.property('stored', 2);
    expect(agencies).to.deep.equal({ expected: 2, byState: { absent: 0, uploading: 0, finished: 1, winners: 1 } });
    expect(draw).to.deep.equal({ held: true, number: 42, winners: 1 });
    expect(errors).to.deep.equal({ total: 1, byCode: { 'bad-bet': 1 } });
    await app.stop('SIGTERM');

    await start();
    const again = await statusWhere(({ draw }) => draw.held);
    expect(again.bets).to.have.property('stored', 2);
    expect(again.draw).to.deep.equal({ held: true, number: 42, winners: 1 });
    expect(again.agencies).to.deep.equal({
      expected: 2,
      byState: { absent: 0, uploading: 0, finished: 2, winners: 0 },
    });
  });

  it('has every metric of the dashboard, and exactly the metrics of docs/operations.md', async () => {
    const { port } = await start();
    await playLottery(port);
    await statusWhere(({ draw }) => draw.held);
    const response = await get('metrics');
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    const { always, withDatabase, ofProcess } = await readDocumentedMetrics();
    expect(always.length).to.be.greaterThan(15);
    expect(metricsIn(text).toSorted()).to.deep.equal([...always, ...ofProcess].toSorted());
    const drawn = (await readDrawnMetrics()).filter(({ name }) => !withDatabase.includes(name));
    expect(drawn.length).to.be.greaterThan(15);
    requireDrawn(drawn, text);
    expect(text).to.match(/^lottery_batch_bets_bucket\{le="10"\} 1$/m);
    expect(text).to.match(/^lottery_batch_bets_sum 2$/m);
    expect(text).to.match(/^lottery_session_errors_total\{code="bad-bet"\} 1$/m);
    expect(text).to.match(/^lottery_agency_winners\{agency="1"\} 1$/m);
    expect(text).to.match(/^lottery_session_errors_total\{code="busy"\} 0$/m);
  });

  it('follows the conventions of Prometheus, by a check with promtool', async function () {
    const reason = whyNoPromtool();
    if (reason !== undefined) {
      this.test!.title += ` (${reason})`;
      this.skip();
    }
    const { port } = await start();
    await playLottery(port);
    await statusWhere(({ draw }) => draw.held);
    expect(promtool(['check', 'metrics'], await (await get('metrics')).text())).to.equal('');
  });

  it('contains no personal data in any answer, also after errors', async () => {
    const { app, port } = await start();
    const events = request(`${url}events`).end();
    const [response] = (await once(events, 'response')) as [AsyncIterable<Buffer>];
    const wrong = await sandbox.connect(port);
    wrong.write(message('N', '2'), message('B', '2,Zacarias,Quux,38271646x,1999-03-17,42'));
    expect((await wrong.rest())[1]).to.match(/^E /);
    await playLottery(port);
    await statusWhere(({ draw, errors }) => draw.held && errors.total === 2);
    const served: string[] = [];
    for (const path of ['', 'status.json', 'metrics', 'healthz', 'readyz', 'Zacarias']) {
      const answer = await get(path);
      served.push(await answer.text(), JSON.stringify([...answer.headers]));
    }
    await app.stop('SIGTERM');
    for await (const chunk of response) served.push(chunk.toString());
    const rows = await sandbox.storedRows();
    // No document of nines or zeros: a fraction of seconds may well be 0.13999999.
    const personal = /Ana|Eva|Paz|Sol\b|Zacarias|Quux|3090446|1999-03-17|38271646/;
    for (const row of rows) expect(row).to.match(personal);
    expect(served.join('').length).to.be.greaterThan(10_000);
    for (const text of served) expect(text).not.to.match(personal);
  });

  it('reports the server as alive and not ready during its stop', async () => {
    const { app, port } = await start();
    const staying = await sandbox.connect(port);
    expect(await staying.ask('N', '1')).to.equal('O 0');
    app.signal('SIGTERM');
    await app.line(/action: close_listener \| result: success/);
    const notReady = await get('readyz');
    expect([notReady.status, await notReady.text()]).to.deep.equal([503, 'not ready: stopping\n']);
    expect((await get('healthz')).status).to.equal(200);
    staying.destroy();
    expect((await app.end()).code).to.equal(0);
  });

  it('is missing if its port is in use, with a line in the log', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port: statusPort } = taken.address() as AddressInfo;
    const { app, port } = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_STATUS_PORT: String(statusPort) });
    await app.line(/ERROR +action: status_page \| result: fail \| error: listen EADDRINUSE/);
    expect(await (await sandbox.connect(port)).ask('N', '1')).to.equal('O 0');
    expect((await app.stop('SIGTERM')).code).to.equal(0);
    taken.close();
  });

  it('is not loaded if it is disabled', async () => {
    const { app } = await sandbox.startServer({ SERVER_STATUS_PORT: '0', NODE_DEBUG: 'module' });
    await app.stop('SIGTERM');
    expect(app.stderr).to.match(/main\.js/);
    expect(app.stderr).not.to.match(/status_server|node:http"/);
    expect(app.grep(/status_page/)).to.deep.equal([]);
  });

  it('ends open pages at a stop', async () => {
    const { app } = await start();
    const events = request(`${url}events`).end();
    const [response] = (await once(events, 'response')) as [AsyncIterable<Buffer>];
    const stopped = app.stop('SIGTERM');
    let text = '';
    for await (const chunk of response) text += chunk.toString();
    expect(text).to.match(/^retry: 1000\n\nevent: whole\n/);
    expect(text).to.match(/"phase":"stopping"[^\n]*\n\n$/);
    const { code, ms } = await stopped;
    expect(code).to.equal(0);
    expect(ms).to.be.below(2_000);
  });

  it('answers requests for its own hosts, and refuses all others', async () => {
    await start({ SERVER_STATUS_HOSTS: 'server, Lottery.example' });
    const { port } = new URL(url);
    const statusFor = async (host: string): Promise<number> => {
      const sent = request({ port, host: '127.0.0.1', path: '/status.json', headers: { host } }).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode!;
    };
    const hosts = [
      'server',
      `server:${port}`,
      'lottery.example.',
      'localhost',
      `127.0.0.1:${port}`,
      '[::1]',
      hostname(),
    ];
    expect(await Promise.all(hosts.map(statusFor))).to.deep.equal(hosts.map(() => 200));
    const foreign = ['evil.example', `evil.example:${port}`, 'server.evil.example'];
    expect(await Promise.all(foreign.map(statusFor))).to.deep.equal(foreign.map(() => 421));
  });

  for (const address of ['127.0.0.1', '0.0.0.0', 'localhost']) {
    it(`passes a container's health check if it is bound to ${address}`, async () => {
      const statusPort = String(await findFreePort());
      const env = { SERVER_STATUS_PORT: statusPort, SERVER_STATUS_IP: address };
      const { app } = await sandbox.startServer(env);
      await app.line(/action: status_page \| result: success/);
      const check = (): App => new App('healthcheck', { cwd: sandbox.directory, env });
      expect(await check().end()).to.deep.equal({ code: 0, signal: null });
      await app.stop('SIGTERM');
      expect(await check().end()).to.deep.equal({ code: 1, signal: null });
    });
  }

  it('answers unknown paths, other methods, and bytes other than HTTP', async () => {
    const { port } = await start();
    expect((await get('nothing')).status).to.equal(404);
    const post = await fetch(url, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    const head = await fetch(url, { method: 'HEAD' });
    expect(head.status).to.equal(200);
    expect(head.headers.get('content-security-policy')).to.match(/^default-src 'none'; /);
    // HEAD opens no stream.
    const stream = await fetch(`${url}events`, { method: 'HEAD' });
    expect([stream.status, stream.headers.get('content-type')]).to.deep.equal([200, 'text/event-stream']);
    expect(await (await get('metrics')).text()).to.match(/^lottery_status_pages_open 0$/m);
    const nonsense = await sandbox.connect(Number(new URL(url).port));
    nonsense.socket.write('\u0000nonsense\r\n\r\n');
    await once(nonsense.socket, 'end');
    expect(await (await sandbox.connect(port)).ask('N', '1')).to.equal('O 0');
  });
});
