/* eslint-disable no-console -- a program for a terminal */
import { readFile } from 'node:fs/promises';
import { formatAddress, FramedSocket, ListenSocket, type PeerSocket, serveRequests, SocketError } from '../lib/index'; // for you: 'sockwright'
import {
  type Call,
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  NOT_PERMITTED,
  RpcError,
  serverCodec,
  serverProtocol,
} from './json_rpc_protocol';

/** A method, for the values of the server and the parameters of a call. */
type Method = (values: Map<string, unknown>, params: Call['params']) => unknown;

const methods: Readonly<Record<string, { readonly writes: boolean; readonly run: Method }>> = {
  get: { writes: false, run: (values, params) => values.get(keyOf(params)) },
  set: {
    writes: true,
    run(values, params) {
      const key = keyOf(params);
      const { value } = params as { readonly value?: unknown };
      if (value === undefined) throw new RpcError(INVALID_PARAMS, 'value is missing');
      values.set(key, value);
    },
  },
};

/**
 * Serves JSON-RPC 2.0 (https://www.jsonrpc.org/specification) over mutual TLS:
 * `json_rpc_server.ts CERTIFICATE.pem KEY.pem AUTHORITY.pem WRITER [port]`. A client needs a certificate of the authority.
 * All may call `get { key }`; only the client whose certificate has the URI `WRITER` may call `set { key, value }`.
 */
async function main(certificate: string, key: string, authority: string, writer: string, port = '0'): Promise<void> {
  const [cert, privateKey, ca] = await Promise.all([certificate, key, authority].map((file) => readFile(file)));
  const listener = new ListenSocket({
    host: '127.0.0.1',
    port: Number(port),
    tls: { cert, key: privateKey, ca, requestCert: true, minVersion: 'TLSv1.3' },
    onHandshakeError: (error) => console.log(error.message),
  });
  await listener.bindAndListen();
  process.once('SIGTERM', () => void listener.closeAndDrain({ timeoutMs: 5000 }));
  console.log(`listening on ${formatAddress(listener.address)}`);

  const values = new Map<string, unknown>();
  await listener.serve((peer) => serve(peer, values, writer), {
    maxConnections: 1000,
    maxPerAddress: 100,
    onError: report,
  });
}

async function serve(peer: PeerSocket, values: Map<string, unknown>, writer: string): Promise<void> {
  // The handshake has verified the certificate, and so its names.
  const mayWrite = peer.tls!.peerCertificate!.subjectAltName.uri.includes(writer);
  const execute = (call: Call | RpcError): unknown => {
    if (call instanceof RpcError) throw call;
    const method = Object.hasOwn(methods, call.method) ? methods[call.method] : undefined;
    if (method === undefined) throw new RpcError(METHOD_NOT_FOUND, 'no such method');
    if (method.writes && !mayWrite) throw new RpcError(NOT_PERMITTED, 'the certificate does not permit this method');
    return method.run(values, call.params);
  };
  const framed = new FramedSocket(peer, serverCodec);
  await serveRequests(framed, serverProtocol, execute, { idleTimeoutMs: 60_000, messageTimeoutMs: 5000 });
}

function keyOf(params: Call['params']): string {
  const { key } = (params ?? {}) as { readonly key?: unknown };
  if (typeof key !== 'string') throw new RpcError(INVALID_PARAMS, 'key must be a string');
  return key;
}

/** The message of a `SocketError` has the address of the client already. */
function report(error: unknown, peer: PeerSocket | undefined): void {
  const client = error instanceof SocketError || peer === undefined ? '' : `${formatAddress(peer.remoteAddress)}: `;
  console.log(`${client}${(error as Error).message}`);
}

main(...(process.argv.slice(2) as [string, string, string, string, string?])).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
