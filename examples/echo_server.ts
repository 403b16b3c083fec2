/* eslint-disable no-console -- a program for a terminal */
import { formatAddress, ListenSocket, SocketError, type StreamSocket } from '../lib/index'; // for you: 'sockwright'

/** Sends back all received bytes: `echo_server.ts [port]`. SIGTERM or Ctrl-C stops it within a second. */
async function main(): Promise<void> {
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) });
  await listener.bindAndListen();
  console.log(`listening on ${formatAddress(listener.address)}`);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      stop.abort(); // ends the sessions that wait for bytes
      void listener.closeAndDrain({ timeoutMs: 1000 }); // resets those that are still sending
    });
  }

  await listener.serve((peer) => echo(peer, stop.signal), { signal: stop.signal, onError: report });
  console.log('stopped');
}

async function echo(peer: StreamSocket, signal: AbortSignal): Promise<void> {
  for (;;) {
    const bytes = await peer.recvSome(65_536, { idleTimeoutMs: 60_000, signal });
    if (bytes === null) return;
    await peer.sendAll(bytes, { timeoutMs: 10_000 });
  }
}

function report(error: unknown): void {
  console.log(error instanceof SocketError ? `${error.code}: ${error.message}` : error);
}

void main();
