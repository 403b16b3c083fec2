/* eslint-disable no-console -- a program for a terminal */
import { formatAddress, FramedSocket, FrameRefusedError, ListenSocket, type StreamSocket } from '../lib/index'; // for you: 'sockwright'
import { execute, type Values } from './resp_commands';
import { type Command, type Reply, respCodec, RespError } from './resp_protocol';

/** A small server for clients of Redis, with its values in memory: `resp_server.ts [port]`. SIGTERM stops it within a second. */
async function main(): Promise<void> {
  const values: Values = new Map();
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) });
  await listener.bindAndListen();
  console.log(`listening on ${formatAddress(listener.address)}`);
  const stop = new AbortController();
  process.once('SIGTERM', () => {
    stop.abort(); // ends the connections that wait for a command
    void listener.closeAndDrain({ timeoutMs: 1000 }); // resets those that do not read their replies
  });
  await listener.serve((peer) => serve(peer, values, stop.signal), {
    signal: stop.signal,
    onError: (error) => console.log((error as Error).message),
  });
  console.log('stopped');
}

async function serve(peer: StreamSocket, values: Values, signal: AbortSignal): Promise<void> {
  const framed = new FramedSocket(peer, respCodec);
  try {
    for (;;) {
      const command = await framed.receive({ messageTimeoutMs: 10_000, signal });
      if (command === null) return;
      // It waits until the replies have left: a client that does not read them cannot fill the memory.
      await framed.send(repliesTo(command, framed, values));
    }
  } catch (error) {
    if (!(error instanceof FrameRefusedError)) throw error;
    await framed.send([new RespError(`ERR Protocol error: ${error.message}`)]);
    await peer.lingeringClose({ timeoutMs: 1000 });
  }
}

/** The replies to a command, and to all commands that a client has sent with it (pipelining). */
function repliesTo(first: Command, framed: FramedSocket<Command, readonly Reply[]>, values: Values): Reply[] {
  const replies = [];
  for (let command: Command | undefined = first; command !== undefined; command = nextOf(framed)) {
    // An empty line is no command.
    if (command.length > 0) replies.push(execute(values, command));
  }
  return replies;
}

/** The next command if it is there. A refusal is left to `receive`: the replies before it are sent first. */
function nextOf(framed: FramedSocket<Command, readonly Reply[]>): Command | undefined {
  try {
    return framed.tryReceive();
  } catch {
    return undefined;
  }
}

void main();
