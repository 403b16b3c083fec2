import { createAgencyCodec, createServerCodec, type LotteryMessage } from '../../apps/protocol/messages';
import { AgencySession, type SessionLimits } from '../../apps/server/sessions/agency_session';
import { type Traffic } from '../../apps/server/limits/traffic';
import { FramedSocket } from '../../lib/index';
import { connectedPair } from '../../lib/testing/index';
import { createMemoryLottery } from './memory_lottery';

const LIMITS: SessionLimits = { messageTimeoutMs: 10_000, idleTimeoutMs: 60_000, longPollMs: 1_000 };

/** A session in memory, and the agency's end of its connection. */
export interface MemorySession {
  readonly session: AgencySession;
  readonly ended: Promise<unknown>;
  readonly channel: FramedSocket<LotteryMessage>;
  write(...parts: Uint8Array[]): void;
  /** The next response as `TYPE value`; `end` where the session has ended its side. */
  next(): Promise<string>;
  /** All responses up to the end of the session. */
  rest(): Promise<string[]>;
}

/** The batches that a repository does not store yet. */
export interface HeldStore {
  /** Stores the held batches and all later ones. With an error the held ones fail. */
  release(error?: Error): void;
}

/** The sessions of a lottery in memory. */
export class MemorySessions {
  readonly lottery = createMemoryLottery();
  private readonly sessions: MemorySession[] = [];

  connect(limits: Partial<SessionLimits> = {}, traffic?: Traffic): MemorySession {
    const [near, far] = connectedPair();
    const framed = new FramedSocket(near, createServerCodec());
    const session = new AgencySession(framed, this.lottery, { ...LIMITS, ...limits }, traffic);
    const channel = new FramedSocket(far, createAgencyCodec());
    const ended = session.run();
    const next = async (): Promise<string> => {
      const received = await channel.receive();
      if (received === null) return 'end';
      return `${received.type} ${Buffer.from(received.value).toString('utf8')}`.trimEnd();
    };
    const opened: MemorySession = {
      session,
      ended,
      channel,
      write: (...parts) => void far.sendAll(Buffer.concat(parts)).catch(() => {}),
      next,
      rest: async () => {
        const responses: string[] = [];
        for (let response = await next(); response !== 'end'; response = await next()) responses.push(response);
        void channel.close();
        await ended;
        return responses;
      },
    };
    this.sessions.push(opened);
    return opened;
  }

  /** Holds each batch before it is stored. */
  holdStore(): HeldStore {
    const held: ((error?: Error) => void)[] = [];
    let isOpen = false;
    this.lottery.bets.beforeStoring = () =>
      isOpen
        ? Promise.resolve()
        : new Promise((resolve, reject) => held.push((error) => (error === undefined ? resolve() : reject(error))));
    return {
      release: (error) => {
        isOpen = true;
        for (const settle of held.splice(0)) settle(error);
      },
    };
  }

  /** Ends every session. */
  async close(): Promise<void> {
    for (const { session, channel } of this.sessions) await Promise.all([session.cut(), channel.close()]);
    await Promise.all(this.sessions.map(({ ended }) => ended));
  }
}

/** The row of a bet on the number 42. */
export const bet = (document: number, agency = 1): string => `${agency},Ana,Gómez,${document},1999-03-17,42`;
