import { connect as connectRaw, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { MemoryStream } from '../../../lib/testing/index';
import { turns } from '../../support/turns';

/** Changes the bytes of a flight (the records that a client sends without waiting for the server): the pieces to send. */
export type Change = (flight: Buffer) => readonly Buffer[];

/** The ClientHello that Node sends with these options: the first flight of a handshake. */
export async function clientHello(options: ConnectionOptions): Promise<Buffer> {
  const { secure, far } = clientInMemory(options);
  const flight = await nextFlight(far);
  secure.destroy();
  return flight;
}

/** Sends the pieces, and ends. Resolves with all bytes of the server when the connection is closed. */
export async function replay(path: string, pieces: readonly Buffer[]): Promise<Buffer> {
  const raw = openRaw(path);
  const received: Buffer[] = [];
  raw.on('data', (bytes) => received.push(bytes));
  await writePieces(raw, pieces);
  raw.end();
  await closed(raw);
  return Buffer.concat(received);
}

/**
 * Carries out a handshake whose second flight is changed: the certificate, the signature and the Finished of the client. The
 * client ends its side behind it.
 *
 * @param before sent before the handshake, as it is.
 * @returns the data of the server, empty for a failed handshake.
 */
export async function handshake(
  path: string,
  options: ConnectionOptions,
  change: Change,
  before: readonly Buffer[] = [],
): Promise<string> {
  const raw = openRaw(path);
  const end = closed(raw);
  const { secure, far } = clientInMemory(options);
  let data = '';
  secure.on('data', (bytes: Buffer) => (data += bytes.toString()));
  await writePieces(raw, before);
  raw.write(await nextFlight(far));
  raw.on('data', (bytes) => far.write(bytes));
  const second = await Promise.race([nextFlight(far), end]);
  if (second !== undefined) {
    await writePieces(raw, change(second));
    raw.end();
    await end;
  }
  // The client decrypts the received records.
  await turns(3);
  secure.destroy();
  return data;
}

/** A TLS client, and the end of its connection. */
function clientInMemory(options: ConnectionOptions): { readonly secure: Duplex; readonly far: Duplex } {
  const [near, far] = MemoryStream.pair();
  const secure = connectTls({ ...options, socket: near });
  secure.on('error', () => {});
  far.on('error', () => {});
  return { secure, far };
}

/** The bytes that a client sends until it waits for the server: Node may give them in several chunks. */
async function nextFlight(far: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const add = (bytes: Buffer): void => void chunks.push(bytes);
  await new Promise<void>((resolve) => {
    far.once('data', resolve);
    far.on('data', add);
  });
  await turns(3);
  far.off('data', add);
  return Buffer.concat(chunks);
}

function openRaw(path: string): Socket {
  const raw = connectRaw({ path, allowHalfOpen: true });
  // A reset, or an end before the last bytes were sent.
  return raw.on('error', () => raw.destroy());
}

async function closed(raw: Socket): Promise<undefined> {
  raw.resume();
  if (!raw.closed) await new Promise((resolve) => raw.once('close', resolve));
  return undefined;
}

async function writePieces(raw: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (raw.destroyed) return;
    raw.write(piece);
    // The next piece arrives by itself.
    if (index < pieces.length - 1) await turns(2);
  }
}
