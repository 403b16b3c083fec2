/* eslint-disable no-console -- a program for a terminal */
import { readFile } from 'node:fs/promises';
import { ConnectSocket, FramedSocket, RequestChannel } from '../lib/index'; // for you: 'sockwright'
import { type Call, clientCodec, clientProtocol } from './json_rpc_protocol';

/** Sets a value and reads it: `json_rpc_client.ts PORT CERTIFICATE.pem KEY.pem AUTHORITY.pem` */
async function main(port: string, certificate: string, key: string, authority: string): Promise<void> {
  const [cert, privateKey, ca] = await Promise.all([certificate, key, authority].map((file) => readFile(file)));
  const tls = { cert, key: privateKey, ca, minVersion: 'TLSv1.3' } as const;
  const socket = new ConnectSocket({ host: '127.0.0.1', port: Number(port), tls });
  await socket.connect({ timeoutMs: 5000 });
  const framed = new FramedSocket(socket, clientCodec);
  await using channel = new RequestChannel(framed, clientProtocol);
  const call = (method: string, params: Call['params']): Promise<unknown> =>
    channel.call({ method, params }, { timeoutMs: 5000 });

  await call('set', { key: 'colour', value: ['red', 'green'] });
  console.log(await call('get', { key: 'colour' }));
  // A notification: no response comes, not even of a failure.
  await framed.send({ jsonrpc: '2.0', method: 'set', params: { key: 'colour', value: 'blue' } });
  console.log(await call('get', { key: 'colour' }));
}

main(...(process.argv.slice(2) as [string, string, string, string])).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
