import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SettingsError } from '../../runtime/settings';

/**
 * Reads the private key for signatures, Ed25519 in PEM.
 *
 * @param name the setting or the option with the path, for the error.
 * @throws SettingsError
 */
export function readSigningKey(name: string, path: string): KeyObject {
  return readKey(name, path, 'private', createPrivateKey);
}

/**
 * Reads the public key of the signatures, Ed25519 in PEM.
 *
 * @param name the setting or the option with the path, for the error.
 * @throws SettingsError
 */
export function readVerificationKey(name: string, path: string): KeyObject {
  return readKey(name, path, 'public', createPublicKey);
}

function readKey(name: string, path: string, kind: string, create: (pem: string) => KeyObject): KeyObject {
  const pem = readText(name, path);
  try {
    const key = create(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw new SettingsError(`${name} ${path}: it holds no ${kind} Ed25519 key in PEM`, { cause });
  }
  throw new SettingsError(`${name} ${path}: it holds a key of another kind than Ed25519`);
}

function readText(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SettingsError(`${name} ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
