/**
 * The exercise's client, correct but not optimized. It reads its file line by line, makes an object of each bet, waits
 * for the answer to each batch, and polls for its winners until the draw is held.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectFailedError, ConnectSocket, type FramedSocket } from '../../../lib/index';
import { formatBet, parseBet } from './bet';
import { openChannel, receive, type TextMessage } from './wire';

const agency = process.env['CLI_ID']!;
const [host, port] = process.env['CLI_SERVER_ADDRESS']!.split(':') as [string, string];
const BATCH_BYTES = 8192;
const PAUSE_MS = 20;

async function connect(): Promise<ConnectSocket> {
  for (;;) {
    const socket = new ConnectSocket({ host, port: Number(port) });
    try {
      await socket.connect();
      return socket;
    } catch (error) {
      if (!(error instanceof ConnectFailedError)) throw error;
      await delay(PAUSE_MS);
    }
  }
}

async function sendBatch(channel: FramedSocket<TextMessage>, rows: readonly string[]): Promise<void> {
  await channel.send({ type: 'B', value: rows.join('\n') });
  await receive(channel);
}

async function upload(channel: FramedSocket<TextMessage>): Promise<void> {
  let rows: string[] = [];
  let size = 0;
  for await (const line of createInterface({
    input: createReadStream(process.env['CLI_DATA_FILE']!),
    crlfDelay: Infinity,
  })) {
    const row = formatBet(parseBet(`${agency},${line}`));
    const rowBytes = Buffer.byteLength(row) + 1;
    if (size + rowBytes > BATCH_BYTES) {
      await sendBatch(channel, rows);
      rows = [];
      size = 0;
    }
    rows.push(row);
    size += rowBytes;
  }
  if (rows.length > 0) await sendBatch(channel, rows);
}

async function askForWinners(channel: FramedSocket<TextMessage>): Promise<number> {
  for (;;) {
    await channel.send({ type: 'A', value: '' });
    if ((await receive(channel)).type === 'R') break;
    await delay(PAUSE_MS);
  }
  await channel.send({ type: 'N', value: agency });
  for (;;) {
    const { type, value } = await receive(channel);
    if (type === 'O') return Number(value);
  }
}

async function main(): Promise<void> {
  const socket = await connect();
  const channel = openChannel(socket);
  process.stdout.write('action: upload | result: in_progress\n');
  await upload(channel);
  await channel.send({ type: 'F', value: '' });
  await receive(channel);
  process.stdout.write('action: upload | result: success\n');
  const winners = await askForWinners(channel);
  process.stdout.write(`action: consulta_ganadores | result: success | cant_ganadores: ${winners}\n`);
  await socket.close();
}

void main();
