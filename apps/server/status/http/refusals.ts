import { STATUS_CODES } from 'node:http';

/** The response to a request that does not reach the endpoints. */
export interface Refusal {
  readonly status: number;
  /** The body of the response. */
  readonly body: string;
}

export const REFUSALS = {
  noHttp: { status: 400, body: 'this is no HTTP request\n' },
  noHost: { status: 400, body: 'a request has one Host\n' },
  foreignHost: { status: 421, body: 'this host is not served here: see SERVER_STATUS_HOSTS\n' },
  noPath: { status: 400, body: 'this is no path\n' },
  otherSite: { status: 403, body: 'a page of another site sent this request\n' },
  noLength: { status: 411, body: 'a form has a Content-Length\n' },
  longBody: { status: 413, body: 'the body of the request is too long\n' },
  tunnel: { status: 405, body: 'this can only be read\n' },
  slowHead: { status: 408, body: 'the head of the request took too long\n' },
  longHead: { status: 431, body: 'the head of the request is too long\n' },
} as const satisfies Record<string, Refusal>;

export type RefusalKind = keyof typeof REFUSALS;

/** The headers specific to this response. */
export function refusalHeaders({ status, body }: Refusal): Record<string, string | number> {
  return {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...(status === 405 && { Allow: 'GET, HEAD' }),
  };
}

/**
 * The complete response as text, for a connection without a ServerResponse. It includes the given headers, and the
 * connection ends after it.
 */
export function refusalText(kind: RefusalKind, headers: Readonly<Record<string, string>>): string {
  const refusal = REFUSALS[kind];
  const { status, body } = refusal;
  const fields = { ...headers, ...refusalHeaders(refusal), Connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}
