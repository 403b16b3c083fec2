/* eslint-disable no-console -- a program for a terminal */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatAddress, FramedSocket, ListenSocket, type StreamSocket } from '../lib/index'; // for you: 'sockwright'
import { type Call, rpcCodec } from './rpc_protocol';

const methods: Readonly<Record<string, (...args: number[]) => number | Promise<number>>> = {
  add: (one, other) => one + other,
  addSlowly: async (one, other) => {
    await sleep(50);
    return one + other;
  },
};

/** Executes calls, several of one connection at a time: `rpc_server.ts [port]`. */
async function main(): Promise<void> {
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) });
  await listener.bindAndListen();
  console.log(`listening on ${formatAddress(listener.address!)}`);
  process.once('SIGTERM', () => void listener.close());
  await listener.serve(serve, { onError: (error) => console.log((error as Error).message) });
}

async function serve(peer: StreamSocket): Promise<void> {
  const framed = new FramedSocket(peer, rpcCodec);
  const running = new Set<Promise<void>>();
  for (;;) {
    const message = await framed.receive({ idleTimeoutMs: 60_000, messageTimeoutMs: 5000 });
    if (message === null) break;
    const answering = answer(framed, message.value as Call).finally(() => running.delete(answering));
    running.add(answering);
  }
  await Promise.all(running);
}

async function answer(framed: FramedSocket<{ type: string; value: unknown }>, call: Call): Promise<void> {
  await framed.send({ type: 'R', value: { id: call.id, ...(await outcomeOf(call)) } });
}

async function outcomeOf({ method, args }: Call): Promise<{ value: number } | { error: string }> {
  const implementation = Object.hasOwn(methods, method) ? methods[method] : undefined;
  return implementation === undefined ? { error: `no method ${method}` } : { value: await implementation(...args) };
}

void main();
