import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type TLSSocket } from 'node:tls';

/** The reference for connections by TLS: a `tls` server with the server's files, which echoes all bytes. */
const sockets = new Set<TLSSocket>();
const file = (name: string): Buffer => readFileSync(process.env[`SERVER_TLS_${name}_FILE`]!);
const options = {
  cert: file('CERT'),
  key: file('KEY'),
  ca: file('CLIENT_CA'),
  crl: file('CRL'),
  requestCert: true,
  minVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const;
const server = createServer(options, (socket) => {
  sockets.add(socket);
  socket.on('data', (bytes: Buffer) => socket.write(bytes));
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
});
server.listen({ port: Number(process.env['SERVER_PORT']), host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write('action: listen | result: success\n');
});
process.on('SIGTERM', () => process.exit(0));
