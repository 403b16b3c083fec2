import { STATUS_CODES } from 'node:http';

/** Why a request does not get to the endpoints. */
export interface Refusal {
  readonly status: number;
  /** What its answer says. */
  readonly line: string;
}

export const REFUSALS = {
  noHttp: { status: 400, line: 'this is no HTTP request\n' },
  noHost: { status: 400, line: 'a request has one Host\n' },
  foreignHost: { status: 421, line: 'this host is not served here: see SERVER_STATUS_HOSTS\n' },
  noPath: { status: 400, line: 'this is no path\n' },
  tunnel: { status: 405, line: 'this can only be read\n' },
  slowHead: { status: 408, line: 'the head of the request took too long\n' },
  longHead: { status: 431, line: 'the head of the request is too long\n' },
} as const satisfies Record<string, Refusal>;

export type RefusalKind = keyof typeof REFUSALS;

/** The headers that belong to the answer itself. */
export function refusalHeaders({ status, line }: Refusal): Record<string, string | number> {
  return {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(line),
    ...(status === 405 && { Allow: 'GET, HEAD' }),
  };
}

/** The answer as it is sent where there is no response to write it, with these headers too; the connection ends with it. */
export function refusalText(kind: RefusalKind, headers: Readonly<Record<string, string>>): string {
  const refusal = REFUSALS[kind];
  const { status, line } = refusal;
  const fields = { ...headers, ...refusalHeaders(refusal), Connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${line}`;
}
