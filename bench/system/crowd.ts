import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { createAgencyCodec, MessageType, textMessage } from '../../apps/protocol/messages';
import { findFreePort } from '../../tools/free_port';
import { commandOf, type Program, PROGRAMS } from './program';
import { start } from './shell_start';

const WANTED = 10_000;
/** The maximum number of pending connection attempts. */
const AT_ONCE = 64;
/** The descriptors of a process beside its connections. */
const SPARE_DESCRIPTORS = 100;
const SETTLING_MS = 1_000;

/** Connects the agency of an id. */
export type Connector = (port: number, agency: number) => Promise<Socket>;

/** The memory of the server for each connection. */
export interface MemoryFigures {
  /** With garbage. */
  readonly bytesEach: number;
  /** After a garbage collection. */
  readonly heldBytesEach: number;
}

/** The number of agencies that are connected at once: 10,000, or as many as the limit of open files allows. */
export function crowdSize(): number {
  return Math.min(WANTED, openFilesLimit() - SPARE_DESCRIPTORS);
}

/** Starts a server, waits until it listens, and makes one complete connection. */
export async function startCrowdServer(
  script: string,
  count: number,
  directory: string,
  open: Connector = openPlain,
  more: Readonly<Record<string, string>> = {},
): Promise<{ server: Program; port: number }> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const port = await findFreePort();
  const settings = {
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: String(port),
    SERVER_AGENCIES: String(count),
    SERVER_MAX_SESSIONS: String(count),
    SERVER_IDLE_TIMEOUT_MS: '600000',
    SERVER_UNNAMED_TIMEOUT_MS: '600000',
    SERVER_ADDRESS_SESSIONS: String(count),
    SERVER_ADDRESS_CONNECT_BURST: '1000000',
    SERVER_DATA_DIR: join(directory, 'store'),
    ...more,
  };
  const options = ['--expose-gc', '-r', PROGRAMS.collectGarbage];
  const server = await start(commandOf(script, settings, join(directory, 'server.log'), options));
  await connectOnce(port, open);
  return { server, port };
}

/** The memory of the server for each of `count` agencies, connected and named, each with an id of its own. */
export async function measureMemory(
  { server, port }: { readonly server: Program; readonly port: number },
  count: number,
  open: Connector = openPlain,
): Promise<MemoryFigures> {
  const before = await settledMemory(server);
  const sockets = await manyAtOnce(count, (index) => open(port, index + 1));
  await manyAtOnce(count, (index) => name(sockets[index]!, index + 1));
  const after = server.memory('VmRSS')!;
  const held = await settledMemory(server);
  await resetAll(sockets);
  await server.stop();
  return { bytesEach: (after - before) / count, heldBytesEach: (held - before) / count };
}

export async function resetAll(sockets: readonly Socket[]): Promise<void> {
  const closed = sockets.map((socket) => once(socket, 'close'));
  for (const socket of sockets) reset(socket);
  await Promise.all(closed);
}

/** Node has no reset of a TLS connection. */
function reset(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

/** The resident memory in bytes, after garbage collections. */
export async function settledMemory(server: Program): Promise<number> {
  for (let round = 0; round < 3; round++) {
    server.signal('SIGUSR2');
    await delay(SETTLING_MS / 3);
  }
  return server.memory('VmRSS')!;
}

/** Calls `work` for each index below `count`, at most `AT_ONCE` calls at a time. Returns the results in order. */
export async function manyAtOnce<Result>(count: number, work: (index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

/** Connects by plain TCP. */
export async function openPlain(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/**
 * Sends the agency's name, and waits for the response.
 *
 * @throws Error it is an `E`.
 */
export async function name(socket: Socket, agency: number): Promise<void> {
  socket.write(createAgencyCodec().encode(textMessage(MessageType.name, String(agency))));
  const [response] = (await once(socket, 'data')) as [Buffer];
  if (response.toString('latin1', 0, 1) === MessageType.error)
    throw new Error(`the server responded ${response.toString()}`);
}

/** Tries again until the server listens. */
async function connectOnce(port: number, open: Connector): Promise<void> {
  for (;;) {
    try {
      const socket = await open(port, 1);
      await name(socket, 1);
      reset(socket);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
      await delay(20);
    }
  }
}

/** The limit of open files of this process and its children (RLIMIT_NOFILE). */
function openFilesLimit(): number {
  const match = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'));
  return match === null ? 1024 : Number(match[1]);
}
