/* eslint-disable no-console -- a program for a terminal */
import { formatAddress, ListenSocket, SocketError, type StreamSocket } from '../lib/index'; // for you: 'sockwright'

/** Sends back all received bytes: `echo_server.ts [port]`. SIGTERM or Ctrl-C stops it after its last session. */
async function main(): Promise<void> {
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) });
  await listener.bindAndListen();
  console.log(`listening on ${formatAddress(listener.address)}`);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void listener.close());

  await listener.serve(echo, { onError: report });
  console.log('stopped');
}

async function echo(peer: StreamSocket): Promise<void> {
  for (;;) {
    const bytes = await peer.recvSome(65_536, { idleTimeoutMs: 60_000 });
    if (bytes === null) return;
    await peer.sendAll(bytes, { timeoutMs: 10_000 });
  }
}

function report(error: unknown): void {
  console.log(error instanceof SocketError ? `${error.code}: ${error.message}` : error);
}

void main();
