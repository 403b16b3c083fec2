import { expect } from 'chai';
import { type ServerPhase, ServerActivity } from '../../../../../apps/server/stats/server_activity';
import { type Metrics } from '../../../../../apps/server/status/metrics/metrics';
import { SseBroadcaster } from '../../../../../apps/server/status/sse_broadcaster';
import { securityHeaders } from '../../../../../apps/server/status/http/security_headers';
import { ServedHosts } from '../../../../../apps/server/status/http/served_hosts';
import { createStatusApp } from '../../../../../apps/server/status/status_app';
import { BoundedHttpServer } from '../../../../../apps/server/status/http/http_server';
import { type ActionLog } from '../../../../../apps/runtime/action_log';
import { createAggregator } from '../../../../support/memory_readings';

describe('the endpoints of the status server', () => {
  let activity: ServerActivity;
  let server: BoundedHttpServer;
  let url: string;
  let logged: string[];

  beforeEach(async () => {
    activity = new ServerActivity();
    const aggregator = createAggregator(activity, 3);
    logged = [];
    const log = { error: (action: string, result: string) => logged.push(`${action} ${result}`) };
    const metrics = {
      contentType: 'text/plain',
      read: () => Promise.reject(new Error('no metrics')),
    };
    const broadcaster = new SseBroadcaster(aggregator);
    const policy = "default-src 'none'";
    const { fetch } = createStatusApp({
      activity,
      aggregator,
      broadcaster,
      metrics: metrics as unknown as Metrics,
      page: { html: '<!doctype html>', policy },
      log: log as unknown as ActionLog,
    });
    server = new BoundedHttpServer({
      fetch,
      headers: securityHeaders(policy),
      hosts: new ServedHosts([]),
      maxConnections: 10,
      isPage: (response) => broadcaster.has(response),
      onError: () => {},
    });
    url = (await server.listen(0, '127.0.0.1')).slice(0, -1);
  });

  afterEach(async () => {
    await server.close();
  });

  async function answerOf(path: string, method = 'GET'): Promise<[number, string]> {
    const response = await fetch(url + path, { method });
    return [response.status, await response.text()];
  }

  const readiness: readonly (readonly [ServerPhase, number, string])[] = [
    ['starting', 503, 'not ready: starting\n'],
    ['ready', 200, 'ready\n'],
    ['stopping', 503, 'not ready: stopping\n'],
  ];
  for (const [phase, status, text] of readiness) {
    it(`report a server in the phase ${phase} as alive, and answer ${status} to /readyz`, async () => {
      activity.phase = phase;
      expect(await answerOf('/readyz')).to.deep.equal([status, text]);
      expect(await answerOf('/readyz', 'HEAD')).to.deep.equal([status, '']);
      expect(await answerOf('/healthz')).to.deep.equal([200, 'ok\n']);
    });
  }

  it('answers /readyz with 503 while the store accepts no writes', async () => {
    activity.phase = 'ready';
    activity.writable(false);
    expect(await answerOf('/readyz')).to.deep.equal([503, 'not ready: the store accepts no writes\n']);
    expect(await answerOf('/healthz')).to.deep.equal([200, 'ok\n']);
    activity.phase = 'stopping';
    expect(await answerOf('/readyz')).to.deep.equal([503, 'not ready: stopping\n']);
    activity.phase = 'ready';
    activity.writable(true);
    expect(await answerOf('/readyz')).to.deep.equal([200, 'ready\n']);
  });

  it('answer HEAD as GET, without a body and without an open stream', async () => {
    for (const path of ['/', '/events', '/status.json', '/healthz']) {
      expect(await answerOf(path, 'HEAD'), path).to.deep.equal([200, '']);
    }
    expect((await fetch(`${url}/events`, { method: 'HEAD' })).headers.get('content-type')).to.equal(
      'text/event-stream',
    );
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    it(`refuse ${method}`, async () => {
      for (const path of ['/', '/events', '/status.json', '/metrics', '/healthz', '/readyz', '/nothing']) {
        const response = await fetch(url + path, { method });
        expect([response.status, response.headers.get('allow')], path).to.deep.equal([405, 'GET, HEAD']);
      }
    });
  }

  it('list the existing paths in the answer to another path', async () => {
    for (const path of ['/nothing', '/status.json/', '/Metrics', '/..%2f..%2fetc/passwd']) {
      expect(await answerOf(path), path).to.deep.equal([
        404,
        'there is /, /status.json, /metrics, /healthz and /readyz\n',
      ]);
    }
  });

  it('answer 500 after an error, log it, and continue', async () => {
    expect(await answerOf('/metrics')).to.deep.equal([500, 'this could not be answered; the log says why\n']);
    expect(logged).to.deep.equal(['status_request fail']);
    expect((await answerOf('/status.json'))[0]).to.equal(200);
  });

  it('forbid caching and embedding', async () => {
    const statuses: number[] = [];
    const asked = ['/', '/events', '/status.json', '/metrics', '/healthz', '/readyz', '/nothing'];
    for (const [path, method] of [...asked.map((path) => [path, 'GET'] as const), ['/', 'POST'] as const]) {
      const leaving = new AbortController();
      const { headers, status } = await fetch(url + path, { method, signal: leaving.signal });
      leaving.abort();
      statuses.push(status);
      expect(headers.get('cache-control'), path).to.equal('no-store');
      expect(headers.get('x-content-type-options'), path).to.equal('nosniff');
      expect(headers.get('referrer-policy'), path).to.equal('no-referrer');
      expect(headers.get('content-security-policy'), path).to.equal("default-src 'none'");
    }
    expect(statuses).to.deep.equal([200, 200, 200, 500, 200, 503, 404, 405]);
  });
});
