import { createHash, randomBytes } from 'node:crypto';

/** The longest time of a session. */
const LIFETIME_MS = 12 * 3_600_000;
const MAX_SESSIONS = 1_000;

/** A session: its end in milliseconds of `performance.now()`, and the version of the token of its login. */
interface LoginSession {
  readonly endsAt: number;
  readonly version: number;
}

/**
 * The sessions of browsers after a login. Their number is bounded: a new one replaces the oldest. A session ends after
 * twelve hours, with its logout, with another token, and with the process.
 */
export class LoginSessions {
  /** By the digest of the id, the oldest first. */
  private readonly sessions = new Map<string, LoginSession>();

  /** @param token its version changes with the token. */
  constructor(
    private readonly token: { readonly version: number },
    private readonly maxSessions = MAX_SESSIONS,
  ) {}

  get size(): number {
    return this.sessions.size;
  }

  /** Begins a session. Returns its id, 256 random bits as text. */
  begin(): string {
    const id = randomBytes(32).toString('base64url');
    for (const [key, session] of this.sessions) {
      if (this.isValid(session) && this.sessions.size < this.maxSessions) break;
      this.sessions.delete(key);
    }
    this.sessions.set(keyOf(id), { endsAt: performance.now() + LIFETIME_MS, version: this.token.version });
    return id;
  }

  isOpen(id: string): boolean {
    const session = this.sessions.get(keyOf(id));
    return session !== undefined && this.isValid(session);
  }

  end(id: string): void {
    this.sessions.delete(keyOf(id));
  }

  private isValid({ endsAt, version }: LoginSession): boolean {
    return version === this.token.version && performance.now() < endsAt;
  }
}

/** With a digest, the time of a look-up tells nothing about the ids. */
function keyOf(id: string): string {
  return createHash('sha256').update(id, 'utf8').digest('base64');
}
