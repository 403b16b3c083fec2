import { expect } from 'chai';
import sinon, { type SinonFakeTimers, type SinonStub, useFakeTimers } from 'sinon';
import {
  ConnectFailedError,
  ConnectSocket,
  isTransient,
  ListenSocket,
  reconnecting,
  SocketStateError,
} from '../../../../lib/index';
import { sampleErrors } from '../../../support/sample_errors';
import { expectCode, rejection } from '../../../support/rejection';
import { temporarySocketPath } from '../../../support/transports';
import { turns } from '../../../support/turns';

describe('isTransient', () => {
  it('is true for five codes, and false for all other errors', () => {
    const transient = sampleErrors().filter((error) => isTransient(error));
    expect(transient.map(({ code }) => code).sort()).to.deep.equal([
      'CALL_LOST',
      'CONNECTION_LOST',
      'CONNECT_FAILED',
      'TIMED_OUT',
      'UNEXPECTED_EOF',
    ]);
    const foreign = Object.assign(new Error('not of a socket'), { code: 'TIMED_OUT' });
    for (const other of [foreign, new Error('no idea'), 'text', null, undefined]) {
      expect(isTransient(other)).to.equal(false);
    }
  });
});

describe('reconnecting', () => {
  const refused = new ConnectFailedError({}, new Error('refused'));

  describe('with a fake clock', () => {
    let clock: SinonFakeTimers;
    let random: SinonStub;

    beforeEach(() => {
      clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'hrtime'] });
      random = sinon.stub(Math, 'random').returns(1);
    });

    afterEach(() => {
      sinon.restore();
      clock.restore();
    });

    /** Lets the time pass from timer to timer until `promise` has settled. */
    async function passUntil<Result>(promise: Promise<Result>): Promise<Result> {
      let isSettled = false;
      const settle = (): void => void (isSettled = true);
      promise.then(settle, settle);
      for (;;) {
        await turns(3);
        if (isSettled) return promise;
        clock.next();
      }
    }

    /** An attempt that fails; `times` has the moments of all attempts. */
    function failing(times: number[], error: Error = refused): () => Promise<never> {
      return () => {
        times.push(Math.round(performance.now()));
        return Promise.reject(error);
      };
    }

    const work = async (): Promise<never> => expect.fail('there is no connection');

    it('doubles the pause from the first to the longest, and half of it is random', async () => {
      for (const [fraction, expected] of [
        [1, [0, 100, 300, 700, 1100, 1500]],
        [0, [0, 50, 150, 350, 550, 750, 950, 1150, 1350, 1500]],
      ] as const) {
        random.returns(fraction);
        const begun = performance.now();
        const times: number[] = [];
        const backoff = { firstMs: 100, longestMs: 400 };
        const error = await rejection(passUntil(reconnecting(failing(times), work, { backoff, limitMs: 1500 })));
        expect(error).to.equal(refused);
        expect(times.map((time) => time - begun)).to.deep.equal(expected);
      }
    });

    it('gives each pause to onPause, with the error before it', async () => {
      const pauses: unknown[] = [];
      const onPause = (error: unknown, pauseMs: number): unknown => pauses.push([error, pauseMs]);
      await rejection(passUntil(reconnecting(failing([]), work, { limitMs: 250, onPause })));
      expect(pauses).to.deep.equal([
        [refused, 100],
        [refused, 150],
      ]);
    });

    it('tries once with a limit of 0, and for ever without a limit', async () => {
      const times: number[] = [];
      await rejection(passUntil(reconnecting(failing(times), work, { limitMs: 0 })));
      expect(times).to.deep.equal([0]);

      const controller = new AbortController();
      const running = expectCode(reconnecting(failing(times), work, controller), 'ABORTED');
      for (let pause = 0; pause < 50; pause++) {
        await turns(3);
        clock.next();
      }
      await turns(3);
      expect(times.length).to.equal(52);
      controller.abort();
      await running;
    });

    it('begins the backoff and the limit again after progress', async () => {
      const events: string[] = [];
      let connections = 0;
      const connect = async (): Promise<{ close: () => Promise<void> }> => {
        events.push(`connect at ${Math.round(performance.now())}`);
        if (++connections !== 3) throw refused;
        return { close: async () => void events.push('close') };
      };
      const lose = async (_connection: unknown, progress: () => void): Promise<void> => {
        progress();
        throw refused;
      };
      await rejection(passUntil(reconnecting(connect, lose, { limitMs: 310 })));
      expect(events).to.deep.equal([
        ...['connect at 0', 'connect at 100', 'connect at 300', 'close'],
        ...['connect at 400', 'connect at 600', 'connect at 610'],
      ]);
    });

    it('tries several targets in turn, and has the backoff between their rounds', async () => {
      random.returns(0.5);
      const targets = {
        attempt: 0,
        get isOver(): boolean {
          return this.attempt % 3 === 0;
        },
        restart: sinon.spy(),
      };
      const times: number[] = [];
      const connect = failing(times);
      const error = await rejection(
        passUntil(
          reconnecting(
            () => {
              targets.attempt++;
              return connect();
            },
            work,
            { targets, limitMs: 500 },
          ),
        ),
      );
      expect(error).to.equal(refused);
      expect(times).to.deep.equal([0, 100, 200, 275, 375, 475, 500]);
      expect(targets.restart.callCount).to.equal(0);
    });

    it('tries each target once after the limit too, and begins another round after progress', async () => {
      let attempt = 0;
      const restart = sinon.spy();
      const targets = { restart, isOver: false };
      const times: number[] = [];
      const connect = async (): Promise<{ close: () => Promise<void> }> => {
        times.push(performance.now());
        targets.isOver = ++attempt === 3;
        return { close: async () => {} };
      };
      const fail = async (_connection: unknown, progress: () => void): Promise<never> => {
        if (attempt === 1) progress();
        throw refused;
      };
      await rejection(
        passUntil(reconnecting(connect, fail, { targets, limitMs: 0, backoff: { betweenTargetsMs: 10 } })),
      );
      expect(times).to.deep.equal([0, 10, 20]);
      expect(restart.callCount).to.equal(1);
    });

    it('ends at an error that is not transient', async () => {
      for (const error of [new SocketStateError('send', {}, 'not connected'), new Error('no idea')]) {
        const times: number[] = [];
        expect(await rejection(reconnecting(failing(times, error), work))).to.equal(error);
        expect(times).to.have.length(1);
      }
      const times: number[] = [];
      const extended = (error: unknown): boolean => isTransient(error) || (error as Error).message === 'mine';
      const mine = failing(times, new Error('mine'));
      await rejection(passUntil(reconnecting(mine, work, { isTransient: extended, limitMs: 150 })));
      expect(times).to.deep.equal([0, 100, 150]);
    });

    it('a signal ends the pause, and leaves no timer and no listener behind', async () => {
      const controller = new AbortController();
      const removed = sinon.spy(controller.signal, 'removeEventListener');
      const times: number[] = [];
      const running = expectCode(reconnecting(failing(times), work, { signal: controller.signal }), 'ABORTED');
      await turns(3);
      const reason = new Error('enough');
      controller.abort(reason);
      expect((await running).cause).to.equal(reason);
      expect([times, clock.countTimers(), removed.callCount]).to.deep.equal([[0], 0, 1]);
      await expectCode(reconnecting(failing(times), work, { signal: controller.signal }), 'ABORTED');
      expect(times).to.deep.equal([0]);
    });

    it('after a signal has fired, the error of the attempt under way is thrown', async () => {
      const controller = new AbortController();
      const connect = async (): Promise<never> => {
        controller.abort();
        throw refused;
      };
      expect(await rejection(reconnecting(connect, work, { signal: controller.signal }))).to.equal(refused);
    });
  });

  it('refuses options that cannot be used', async () => {
    const connect = async (): Promise<never> => expect.fail('connected');
    const wrong = [
      { backoff: { firstMs: 0 } },
      { backoff: { longestMs: Infinity } },
      { backoff: { betweenTargetsMs: -1 } },
      { limitMs: NaN },
      { isTransient: true },
      { onPause: 'log' },
      { signal: {} },
    ];
    for (const options of wrong) {
      const error = await rejection(reconnecting(connect, async () => {}, options as object));
      expect(error instanceof RangeError || error instanceof TypeError, String(error)).to.equal(true);
    }
  });

  it('goes on with a server that comes back, and closes each connection', async () => {
    const path = temporarySocketPath();
    const first = new ListenSocket({ path });
    await first.bindAndListen();
    const sockets: ConnectSocket[] = [];
    const connect = async (): Promise<ConnectSocket> => {
      const socket = new ConnectSocket({ path });
      sockets.push(socket);
      await socket.connect();
      return socket;
    };
    const errors: string[] = [];
    const receiving = reconnecting(
      connect,
      async (socket) => String(await socket.recvExactly(4, { endIsError: true })),
      {
        backoff: { firstMs: 10, longestMs: 20 },
        onPause: (error) => errors.push((error as { code: string }).code),
      },
    );
    const peer = await first.accept();
    await Promise.all([peer.close(), first.close()]);
    while (!errors.includes('CONNECT_FAILED')) await turns(1);
    const second = new ListenSocket({ path });
    await second.bindAndListen();
    const other = await second.accept();
    await other.sendAll(Buffer.from('done'));
    expect(await receiving).to.equal('done');
    expect(errors[0]).to.equal('UNEXPECTED_EOF');
    expect(sockets.map(({ isClosed }) => isClosed)).to.deep.equal(sockets.map(() => true));
    await Promise.all([other.close(), second.close()]);
  });
});
