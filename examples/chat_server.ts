/* eslint-disable no-console -- a program for a terminal */
import { formatAddress, ListenSocket, type PeerSocket, SockwrightError } from '../lib/index'; // for you: 'sockwright'
import { ChatRoom } from './chat_room';

/**
 * A chat: `chat_server.ts [port]`, and `nc 127.0.0.1 PORT` for each guest. The first line is the name; every later line
 * goes to all others. SIGTERM stops it within a second.
 */
async function main(): Promise<void> {
  const room = new ChatRoom({ maxLineBytes: 1000, maxUnsentBytes: 1_048_576, timeoutMs: 60_000 });
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) });
  await listener.bindAndListen();
  console.log(`listening on ${formatAddress(listener.address)}`);
  const stop = new AbortController();
  process.once('SIGTERM', () => {
    stop.abort(); // ends the guests that wait for a line
    void listener.closeAndDrain({ timeoutMs: 1000 });
  });
  await listener.serve((peer) => room.serve(peer, stop.signal), {
    maxConnections: 1000, // of at most 1 MiB of unsent lines each
    signal: stop.signal,
    onError: report,
  });
  console.log('stopped');
}

function report(error: unknown, peer: PeerSocket | undefined): void {
  const problem = error instanceof SockwrightError ? `${error.code}: ${error.message}` : error;
  console.log(`${formatAddress(peer?.remoteAddress)}:`, problem);
}

void main();
