import { type HttpBindings } from '@hono/node-server';
import { type Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { type HttpConnection } from '../http/http_connection';
import { type LoginDocument } from '../page_document';
import { type StatusApp, type StatusEnv } from '../status_env';
import { type AccessControl, type Denial } from './access_control';

/** The dependencies of the endpoints of a login. */
export interface AccessParts {
  readonly access: AccessControl;
  readonly login: LoginDocument;
  readonly cookie: SessionCookie;
}

/** The cookie with the id of a session. */
export interface SessionCookie {
  readonly name: string;
  /** Whether browsers send it by TLS only. */
  readonly secure: boolean;
}

/** The methods of the paths with forms. */
export const FORM_METHODS: Readonly<Record<string, readonly string[]>> = {
  '/login': ['GET', 'HEAD', 'POST'],
  '/logout': ['POST'],
};

/** The response to each denial. */
const DENIALS: Readonly<Record<Denial, { status: 401 | 429; text: string; headers: Record<string, string> }>> = {
  missing: { status: 401, text: 'a token is needed', headers: { 'WWW-Authenticate': 'Bearer realm="lottery"' } },
  wrong: {
    status: 401,
    text: 'this is not the token',
    headers: { 'WWW-Authenticate': 'Bearer realm="lottery", error="invalid_token"' },
  },
  limited: { status: 429, text: 'too many wrong tokens; wait a minute', headers: { 'Retry-After': '60' } },
};

/** Adds the login and the logout, and protects all paths that are added later. */
export function addAccess(app: StatusApp, { access, login, cookie }: AccessParts): void {
  const options = { httpOnly: true, sameSite: 'Strict', path: '/', secure: cookie.secure } as const;

  app.get('/login', (context) => context.html(login.html()));
  app.post('/login', async (context) => {
    const form = await context.req.text().catch(() => undefined);
    // The connection has ended within the form.
    if (form === undefined) return context.body(null, 400);
    const token = new URLSearchParams(form).get('token')?.trim() ?? '';
    const result = access.login(connectionOf(context).remoteAddress, token);
    if (typeof result === 'string') {
      const { status, text, headers } = DENIALS[result];
      return context.html(login.html(text), status, headers);
    }
    setCookie(context, cookie.name, result.session, options);
    return context.redirect('/', 303);
  });
  app.post('/logout', (context) => {
    const session = getCookie(context, cookie.name);
    if (session !== undefined) access.logout(session);
    deleteCookie(context, cookie.name, options);
    return context.redirect('/login', 303);
  });

  app.use(async (context, next) => {
    const result = access.check({
      remote: connectionOf(context).remoteAddress,
      authorization: context.req.header('authorization'),
      session: getCookie(context, cookie.name),
    });
    if (typeof result !== 'string') {
      context.set('mayRead', result);
      await next();
      return;
    }
    const { status, text, headers } = DENIALS[result];
    // The page is for browsers.
    context.res =
      context.req.path === '/'
        ? context.html(login.html(result === 'missing' ? undefined : text), status, headers)
        : context.text(`${text}\n`, status, headers);
  });
}

function connectionOf({ env }: Context<StatusEnv>): HttpConnection {
  const { incoming }: HttpBindings = env;
  return incoming.socket as unknown as HttpConnection;
}
