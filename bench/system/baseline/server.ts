/**
 * The exercise's server, correct but not optimized: the work of a careful student. It has an asynchronous task for each
 * client instead of the exercise's thread, a lock on the file of bets, and an object for each bet. Each batch is
 * appended and flushed before its answer.
 */
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FramedSocket, ListenSocket, type PeerSocket } from '../../../lib/index';
import { type Bet, formatBet, parseBet } from './bet';
import { openChannel, receive, type TextMessage } from './wire';

const directory = process.env['SERVER_DATA_DIR']!;
const agencies = Number(process.env['SERVER_AGENCIES']);
const winningNumber = 7574;

const finished = new Set<number>();
let lock: Promise<unknown> = Promise.resolve();
let drawn: Promise<readonly Bet[]> | undefined;

function locked<Result>(work: () => Promise<Result>): Promise<Result> {
  const result = lock.then(work);
  lock = result.catch(() => {});
  return result;
}

async function storeBets(file: FileHandle, bets: readonly Bet[]): Promise<void> {
  await file.appendFile(bets.map((bet) => `${formatBet(bet)}\n`).join(''));
  await file.datasync();
}

async function loadWinners(): Promise<readonly Bet[]> {
  const rows = (await readFile(join(directory, 'bets.csv'), 'utf8')).trimEnd().split('\n');
  return rows.map(parseBet).filter((bet) => Number(bet.number) === winningNumber);
}

async function handleClient(channel: FramedSocket<TextMessage>, file: FileHandle): Promise<void> {
  let agency = 0;
  let stored = 0;
  for (;;) {
    const { type, value } = await receive(channel);
    if (type === 'B') {
      const bets = value.split('\n').map(parseBet);
      agency = Number(bets[0]!.agency);
      await locked(() => storeBets(file, bets));
      stored += bets.length;
      process.stdout.write(`action: apuesta_recibida | result: success | cantidad: ${bets.length}\n`);
      await channel.send({ type: 'O', value: String(stored) });
    } else if (type === 'F') {
      finished.add(agency);
      await channel.send({ type: 'O', value: String(stored) });
    } else if (type === 'A' && finished.size < agencies) {
      await channel.send({ type: 'W', value: `${finished.size}/${agencies}` });
    } else if (type === 'A') {
      await channel.send({ type: 'R', value: '' });
    } else {
      drawn ??= locked(loadWinners);
      const documents = (await drawn).filter((bet) => bet.agency === value).map((bet) => bet.document);
      if (documents.length > 0) await channel.send({ type: 'R', value: documents.join(',') });
      await channel.send({ type: 'O', value: String(documents.length) });
      return;
    }
  }
}

async function main(): Promise<void> {
  await mkdir(directory, { recursive: true });
  const file = await open(join(directory, 'bets.csv'), 'a');
  const listener = new ListenSocket({ host: '127.0.0.1', port: Number(process.env['SERVER_PORT']) });
  await listener.bindAndListen();
  process.stdout.write('action: listen | result: success\n');
  process.on('SIGTERM', () => process.exit(0));
  for await (const peer of listener) void serve(peer, file);
}

async function serve(peer: PeerSocket, file: FileHandle): Promise<void> {
  try {
    await handleClient(openChannel(peer), file);
  } finally {
    await peer.lingeringClose({ timeoutMs: 1000 });
  }
}

void main();
