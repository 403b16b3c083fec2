/* eslint-disable no-console -- a program for a terminal */
import { ConnectSocket, formatAddress, ListenSocket, pipe, SocketError, type StreamSocket } from '../lib/index'; // for you: 'sockwright'

/** Forwards each connection to another port: `proxy.ts TARGET_PORT [port]`. SIGTERM resets what is left after a second. */
async function main(targetPort: number, port = 0): Promise<void> {
  const listener = new ListenSocket({ host: '127.0.0.1', port });
  await listener.bindAndListen();
  console.log(`listening on ${formatAddress(listener.address)}`);
  process.once('SIGTERM', () => void listener.closeAndDrain({ timeoutMs: 1000 }));
  await listener.serve((client) => forward(client, targetPort));
  console.log('stopped');
}

async function forward(client: StreamSocket, port: number): Promise<void> {
  await using target = new ConnectSocket({ host: '127.0.0.1', port });
  try {
    await target.connect({ timeoutMs: 2000 });
    const { aToB, bToA } = await pipe(client, target, { idleTimeoutMs: 60_000 });
    console.log(`done: ${aToB} bytes to the target, ${bToA} bytes to the client`);
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    console.log(`${error.code}: ${error.message}`);
  }
}

void main(...(process.argv.slice(2).map(Number) as [number, number?]));
