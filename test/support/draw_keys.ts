import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key pair for the records of draws, in files of a temporary directory. */
export interface DrawKeys {
  readonly directory: string;
  /** The path of the private key, for SERVER_DRAW_KEY_FILE. */
  readonly privateFile: string;
  readonly publicFile: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  remove(): void;
}

export function createDrawKeys(): DrawKeys {
  const directory = mkdtempSync(join(tmpdir(), 'draw-keys-'));
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const [privateFile, publicFile] = [join(directory, 'draw.key'), join(directory, 'draw.pub')];
  writeFileSync(privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(publicFile, publicKey.export({ type: 'spki', format: 'pem' }));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  return { directory, privateFile, publicFile, privateKey, publicKey, remove };
}
