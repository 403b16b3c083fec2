import { createServer, type Socket } from 'node:net';

/** The reference for connections: a `net` server that keeps each connection and echoes all bytes. */
const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
});
server.listen({ port: Number(process.env['SERVER_PORT']), host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write('action: listen | result: success\n');
});
process.on('SIGTERM', () => process.exit(0));
