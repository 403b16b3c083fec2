/* eslint-disable no-console -- a program for a terminal */
import { formatAddress, ListenSocket, SocketError, type StreamSocket } from '../lib/index'; // for you: 'sockwright'

/** Sends back all received bytes: `echo_server.ts [port]`. SIGTERM or Ctrl-C stops it after its last session. */
async function main(): Promise<void> {
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) });
  await listener.bindAndListen();
  console.log(`listening on ${formatAddress(listener.address!)}`);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void listener.close());

  const sessions = new Set<Promise<void>>();
  for await (const peer of listener) {
    const session = echo(peer).finally(() => sessions.delete(session));
    sessions.add(session);
  }
  await Promise.all(sessions);
  console.log('stopped');
}

async function echo(peer: StreamSocket): Promise<void> {
  await using socket = peer;
  try {
    for (;;) {
      const bytes = await socket.recvSome(65_536, { idleTimeoutMs: 60_000 });
      if (bytes === null) return;
      await socket.sendAll(bytes, { timeoutMs: 10_000 });
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    console.log(`${error.code}: ${error.message}`);
  }
}

void main();
