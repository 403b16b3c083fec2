import { type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { type ActionLog } from '../../runtime/action_log';
import { type ServerActivity } from '../stats/server_activity';
import { type AccessParts, addAccess, FORM_METHODS } from './access/access_routes';
import { type Metrics } from './metrics/metrics';
import { type PageDocument } from './page_document';
import { type SseBroadcaster } from './sse_broadcaster';
import { type StatusAggregator } from './report/status_aggregator';
import { type StatusApp } from './status_env';

/** The data sources of the endpoints. */
export interface StatusSources {
  readonly activity: ServerActivity;
  readonly aggregator: StatusAggregator;
  readonly broadcaster: SseBroadcaster;
  readonly metrics: Metrics;
  readonly page: PageDocument;
  readonly log: ActionLog;
  /** With it, everything but the health checks needs a token. */
  readonly access?: AccessParts | undefined;
}

/** The methods of the endpoints, all of them read-only. */
const READ_METHODS = ['GET', 'HEAD'];

/**
 * The endpoints, each documented in docs/operations.md. All but the login are read-only. None contains a name or a document of a
 * person.
 */
export function createStatusApp(sources: StatusSources): StatusApp {
  const { activity, aggregator, broadcaster, metrics, page, log, access } = sources;
  const app: StatusApp = new Hono();

  app.use(async (context, next) => {
    const { method, path } = context.req;
    const methods = access === undefined ? READ_METHODS : (FORM_METHODS[path] ?? READ_METHODS);
    if (methods.includes(method)) await next();
    else context.res = context.text(`${refusalOf(methods)}\n`, 405, { Allow: methods.join(', ') });
  });
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    if (activity.isReady) return context.text('ready\n');
    const reason = activity.phase === 'ready' ? 'the store accepts no writes' : activity.phase;
    return context.text(`not ready: ${reason}\n`, 503);
  });
  if (access !== undefined) addAccess(app, access);
  app.get('/', (context) => context.html(page.html));
  app.get('/events', (context) => {
    if (broadcaster.isFull) return context.text('too many pages are open\n', 503);
    if (context.req.method === 'HEAD') return context.body(null, 200, { 'Content-Type': 'text/event-stream' });
    const response = context.env.outgoing;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    broadcaster.add(response, context.get('mayRead'));
    return RESPONSE_ALREADY_SENT;
  });
  app.get('/status.json', (context) => {
    return sendBytes(context.env.outgoing, 'application/json; charset=utf-8', aggregator.fullReportJson());
  });
  app.get('/metrics', async (context) => {
    return sendBytes(context.env.outgoing, metrics.contentType, await metrics.read());
  });
  app.notFound((context) => context.text('there is /, /status.json, /metrics, /healthz and /readyz\n', 404));
  app.onError((error, context) => {
    log.error('status_request', 'fail', { path: context.req.path, error: String(error) });
    return context.text('this could not be answered; the log says why\n', 500);
  });
  return app;
}

function refusalOf(methods: readonly string[]): string {
  return methods.includes('GET') ? 'this can only be read' : 'this is a form';
}

/** Sends bytes shared by several responses. A `Response` would copy them and keep the copy until its delivery. */
function sendBytes(outgoing: HttpBindings['outgoing'], contentType: string, bytes: Buffer): Response {
  outgoing.writeHead(200, { 'content-type': contentType, 'content-length': bytes.length });
  outgoing.end(bytes);
  return RESPONSE_ALREADY_SENT;
}
