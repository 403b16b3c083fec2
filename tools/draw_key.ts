import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../apps/runtime/coded_error';
import { writeLine, writeText } from '../apps/runtime/standard_streams';
import { ArgumentError, parseOptions } from './arguments';

/** A key is there already. Nothing was written. */
class KeyExistsError extends CodedError {
  readonly code = 'KEY_EXISTS';
}

const DIRECTORY_MODE = 0o700;
/** The private key is for the owner only; the public one is to be published. */
const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/** `make draw-key`: a new Ed25519 key pair (PKCS #8 and SPKI in PEM) for the signature of the draw. */
function main(): void {
  const { directory } = parseOptions({ directory: { type: 'string', default: '.secrets' } });
  const files = { privateKey: join(directory, 'draw.key'), publicKey: join(directory, 'draw.pub') };
  const existing = Object.values(files).find((path) => existsSync(path));
  if (existing !== undefined) throw new KeyExistsError(`${existing} exists: a key is not overwritten`);
  mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeNew(files.privateKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), PRIVATE_MODE);
  writeNew(files.publicKey, publicKey.export({ type: 'spki', format: 'pem' }), PUBLIC_MODE);
  writeLine(process.stdout, `${files.privateKey}: for SERVER_DRAW_KEY_FILE; keep it secret`);
  writeLine(process.stdout, `${files.publicKey}: for make verify; publish it before the draw`);
}

function writeNew(path: string, content: string | Buffer, mode: number): void {
  writeFileSync(path, content, { flag: 'wx', mode });
  // Independent of the process's umask.
  chmodSync(path, mode);
}

try {
  main();
} catch (error) {
  const isClear = error instanceof ArgumentError || (error as NodeJS.ErrnoException).code !== undefined;
  if (isClear) writeLine(process.stderr, `draw-key: ${(error as Error).message}`);
  else writeText(process.stderr, `draw-key: ${(error as Error).stack}\n`);
  process.exitCode = error instanceof ArgumentError ? 2 : 1;
}
