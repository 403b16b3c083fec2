import { createHash, timingSafeEqual } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { type ActionLog } from '../../../runtime/action_log';
import { SettingsError } from '../../../runtime/settings';
import { FileChanges } from '../../transport/file_changes';

const MIN_LENGTH = 16;
const MAX_LENGTH = 512;
/** The syntax of bearer tokens (RFC 6750, section 2.1). */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

const POLL_MS = 1_000;

/**
 * The token of the status server, in a file (SERVER_STATUS_TOKEN_FILE). It is read again after a change of the file and at
 * SIGHUP. Only its digest stays in memory.
 */
export class TokenFile {
  private digest: Buffer;
  private changesOfToken = 0;
  private readonly changes: FileChanges;
  private readonly reload = (): void => this.readAgain();

  /** @throws SettingsError the file cannot be used. */
  constructor(
    private readonly path: string,
    private readonly log: ActionLog,
  ) {
    this.changes = new FileChanges([path], this.reload);
    this.digest = digestOf(readToken(path));
  }

  /** The number of other tokens that the file has had before. */
  get version(): number {
    return this.changesOfToken;
  }

  /** Begins to watch the file. */
  start(): void {
    this.changes.start(POLL_MS);
    process.on('SIGHUP', this.reload);
  }

  stop(): void {
    this.changes.stop();
    process.off('SIGHUP', this.reload);
  }

  /** Whether this is the token. The time that it takes does not depend on the common part. */
  matches(text: string): boolean {
    return timingSafeEqual(digestOf(text), this.digest);
  }

  /** After a fault, the token before stays in use. */
  private readAgain(): void {
    let digest: Buffer;
    try {
      digest = digestOf(readToken(this.path));
    } catch (error) {
      this.log.error('status_token', 'fail', { error: (error as Error).message });
      return;
    }
    if (!digest.equals(this.digest)) this.changesOfToken++;
    this.digest = digest;
    this.log.info('status_token', 'success');
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** @throws SettingsError with the path and the fault, without any of the content. */
function readToken(path: string): string {
  const token = readStart(path).replace(/\r?\n$/, '');
  const fault = faultOf(token);
  if (fault !== undefined) throw new SettingsError(`SERVER_STATUS_TOKEN_FILE ${path} ${fault}`);
  return token;
}

function faultOf(token: string): string | undefined {
  if (token === '') return 'is empty';
  if (token.length < MIN_LENGTH) return `has a token with fewer than ${MIN_LENGTH} characters`;
  if (token.length > MAX_LENGTH) return `has a token with more than ${MAX_LENGTH} characters`;
  return TOKEN.test(token) ? undefined : 'has a token with other characters than letters, digits and -._~+/=';
}

/** The first bytes of the file, more than a token has. A pipe is refused: to read it again would stop the server. */
function readStart(path: string): string {
  const buffer = Buffer.alloc(MAX_LENGTH + '\r\n'.length + 1);
  let length = 0;
  try {
    if (!statSync(path).isFile()) throw new Error('it is no regular file');
    const file = openSync(path, 'r');
    try {
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = readSync(file, buffer, length, buffer.length - length, null);
      }
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    const { message } = cause as Error;
    throw new SettingsError(`SERVER_STATUS_TOKEN_FILE ${path} cannot be read: ${message}`, { cause });
  }
  return buffer.toString('latin1', 0, length);
}
