import { type Address } from '../../../../lib/index';
import { type ActionLog } from '../../../runtime/action_log';
import { RefusalLog } from '../../limits/refusal_log';
import { GuessLimit } from './guess_limit';
import { LoginSessions } from './login_sessions';
import { type TokenFile } from './token_file';

/** Why a request is refused: without a token or an open session, with a wrong token, or after too many wrong ones. */
export type Denial = 'missing' | 'wrong' | 'limited';

/** A permission to read: whether it still holds. */
export type Permission = () => boolean;

/** The parts of a request that can give a permission. */
export interface Credentials {
  readonly remote: Address | undefined;
  /** The value of `Authorization`. */
  readonly authorization: string | undefined;
  /** The id of a session. */
  readonly session: string | undefined;
}

/** `Bearer` and a token (RFC 6750, section 2.1). */
const BEARER = /^Bearer +(\S+) *$/i;

/** Access by the token of a file: for a client with the token itself, or a browser after a login with it. */
export class AccessControl {
  private readonly sessions: LoginSessions;
  private readonly guesses = new GuessLimit();
  private readonly refusals: RefusalLog;

  constructor(
    private readonly token: TokenFile,
    private readonly log: ActionLog,
  ) {
    this.sessions = new LoginSessions(token);
    this.refusals = new RefusalLog(log, 'status_login');
  }

  /** Begins to watch the file. */
  start(): void {
    this.token.start();
  }

  close(): void {
    this.token.stop();
    this.refusals.close();
  }

  check({ remote, authorization, session }: Credentials): Permission | Denial {
    const token = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
    if (token !== undefined) {
      const { version } = this.token;
      return this.verify(remote, token) ?? (() => this.token.version === version);
    }
    if (session === undefined || !this.sessions.isOpen(session)) return 'missing';
    return () => this.sessions.isOpen(session);
  }

  /** Begins a session for a browser with the token, and returns its id. */
  login(remote: Address | undefined, token: string): { readonly session: string } | Denial {
    const denial = this.verify(remote, token);
    if (denial !== undefined) return denial;
    this.log.info('status_login', 'success', { ip: remote?.host ?? 'unknown' });
    return { session: this.sessions.begin() };
  }

  logout(session: string): void {
    this.sessions.end(session);
  }

  private verify(remote: Address | undefined, token: string): Denial | undefined {
    // The limit comes first: otherwise it would not limit the guesses.
    if (!this.guesses.allows(remote)) {
      this.refusals.refused(remote, { error: 'too many wrong tokens' });
      return 'limited';
    }
    if (this.token.matches(token)) return undefined;
    this.guesses.countWrong(remote);
    this.refusals.refused(remote, { error: 'wrong token' });
    return 'wrong';
  }
}
