import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';

/** The time limit of an answer in a crowd: ten times its time without one, or a second if that is longer. */
const MOST_TIMES_SLOWER = 10;
const SLOW_MS = 1_000;

/** Connections to a status server that read nothing, and requests beside them. */
export class StatusCrowd {
  readonly sockets: Socket[] = [];

  constructor(private readonly url: string) {}

  /** Opens a connection of the crowd. It sends the bytes, and reads nothing. */
  async join(bytes: string): Promise<void> {
    const socket = connect(Number(new URL(this.url).port), '127.0.0.1');
    socket.on('error', () => {});
    this.sockets.push(socket);
    await once(socket, 'connect');
    socket.pause();
    if (bytes !== '') socket.write(bytes);
  }

  disperse(): void {
    for (const socket of this.sockets.splice(0)) socket.destroy();
  }

  /** Sends a request on a new connection. */
  async open(path: string): Promise<IncomingMessage> {
    const [response] = (await once(get(this.url + path, { agent: false }), 'response')) as [IncomingMessage];
    return response;
  }

  /** Asks for the health until `over` settles. Returns the longest time of an answer, in milliseconds. */
  async slowestHealth(over: Promise<void>): Promise<number> {
    return slowest(over, async () => {
      const answers = await Promise.all([this.open('healthz'), this.open('readyz')]);
      expect(await Promise.all(answers.map((answer) => text(answer)))).to.deep.equal(['ok\n', 'ready\n']);
      await delay(10);
    });
  }
}

/** Repeats `ask` until `over` settles. Returns the longest time of a run, in milliseconds. */
export async function slowest(over: Promise<void>, ask: () => Promise<void>): Promise<number> {
  let isOver = false;
  const end = over.finally(() => (isOver = true));
  let most = 0;
  while (!isOver) {
    const begun = performance.now();
    await ask();
    most = Math.max(most, performance.now() - begun);
  }
  await end;
  return most;
}

/** The time limit of an answer in a crowd, in milliseconds. */
export function limitOf(aloneMs: number): number {
  return Math.max(SLOW_MS, MOST_TIMES_SLOWER * aloneMs);
}
