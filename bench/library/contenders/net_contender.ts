import { connect, createServer, type Socket } from 'node:net';
import { ANSWER, ANSWER_VALUE, type Contender, type ContenderClient, frameOf, MESSAGE } from '../contender';

const OPTIONS = { noDelay: true, keepAlive: true, allowHalfOpen: true } as const;

/** A message reader: a function for the chunks of a connection. It calls `onMessage` with every complete message. */
export type Reader = (onMessage: (value: Buffer) => void) => (chunk: Buffer) => void;

/** A message or an answer (`type`) as a frame. */
export type Encode = (type: number, value: Buffer) => Buffer;

/** Plain `net` with callbacks and the given message reader. The answers to one chunk are written together. */
export function netContender(reader: Reader, encode: Encode = frameOf): Contender {
  return {
    serve: () =>
      new Promise((resolve) => {
        const server = createServer(OPTIONS, (socket) => {
          readCorked(socket, reader, () => void socket.write(encode(ANSWER, ANSWER_VALUE)));
        });
        server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
      }),
    connect: (port) =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', ...OPTIONS });
        socket.once('error', reject);
        socket.once('connect', () => resolve(clientOf(socket, reader, encode)));
      }),
  };
}

function clientOf(socket: Socket, reader: Reader, encode: Encode): ContenderClient {
  let onAnswer = (): void => undefined;
  readCorked(socket, reader, () => onAnswer());
  return {
    run: (count, value, window) =>
      new Promise((resolve) => {
        let sent = 0;
        let answered = 0;
        const sendNext = (): void => {
          sent++;
          socket.write(encode(MESSAGE, value));
        };
        onAnswer = () => {
          if (++answered === count) resolve();
          else if (sent < count) sendNext();
        };
        socket.cork();
        while (sent < Math.min(window, count)) sendNext();
        socket.uncork();
      }),
  };
}

function readCorked(socket: Socket, reader: Reader, onMessage: (value: Buffer) => void): void {
  const onChunk = reader(onMessage);
  socket.on('data', (chunk) => {
    socket.cork();
    onChunk(chunk);
    socket.uncork();
  });
}
