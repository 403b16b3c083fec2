/* eslint-disable no-console -- a program for a terminal */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatAddress, FramedSocket, ListenSocket, serveRequests, type StreamSocket } from '../lib/index'; // for you: 'sockwright'
import { type Call, rpcCodec, rpcProtocol } from './rpc_protocol';

const methods: Readonly<Record<string, (...args: number[]) => number | Promise<number>>> = {
  add: (one, other) => one + other,
  addSlowly: async (one, other) => {
    await sleep(50);
    return one + other;
  },
};

/** Executes calls, several of one connection at a time: `rpc_server.ts [port]`. SIGTERM stops it within a second. */
async function main(): Promise<void> {
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) });
  await listener.bindAndListen();
  console.log(`listening on ${formatAddress(listener.address)}`);
  const stop = new AbortController();
  process.once('SIGTERM', () => {
    stop.abort(); // no further call is received; the calls under way are answered
    void listener.closeAndDrain({ timeoutMs: 1000 }); // resets what is left after a second
  });
  await listener.serve((peer) => serve(peer, stop.signal), {
    signal: stop.signal,
    onError: (error) => console.log((error as Error).message),
  });
  console.log('stopped');
}

async function serve(peer: StreamSocket, signal: AbortSignal): Promise<void> {
  const framed = new FramedSocket(peer, rpcCodec);
  await serveRequests(framed, rpcProtocol, execute, { idleTimeoutMs: 60_000, messageTimeoutMs: 5000, signal });
}

function execute({ method, args }: Call): number | Promise<number> {
  const implementation = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (implementation === undefined) throw new Error(`no method ${method}`);
  return implementation(...args);
}

void main();
