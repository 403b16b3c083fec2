import { expect } from 'chai';
import { FramedSocket, type PeerSocket } from '../../../../../lib/index';
import { connectedPair } from '../../../../../lib/testing/index';
import { AnswerQueue } from '../../../../../apps/server/sessions/response_queue';
import {
  createAgencyCodec,
  createServerCodec,
  type LotteryMessage,
  textMessage,
} from '../../../../../apps/protocol/messages';
import { turns } from '../../../../support/turns';

describe('the answers that are owed', () => {
  let far: FramedSocket<LotteryMessage>;
  let queue: AnswerQueue;
  let failures: unknown[];
  let sockets: PeerSocket[];

  beforeEach(() => {
    sockets = connectedPair();
    far = new FramedSocket(sockets[1]!, createAgencyCodec());
    failures = [];
    const near = new FramedSocket(sockets[0]!, createServerCodec());
    queue = new AnswerQueue(near, { responses: 3, bytes: 100 }, 60_000, {
      onAnswerFailed: (error) => failures.push(error),
    });
  });

  afterEach(async () => {
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  const ok = (count: number): LotteryMessage => textMessage('O', String(count));
  const next = async (): Promise<string> => String(Buffer.from((await far.receive())!.value));

  function later(): {
    promise: Promise<LotteryMessage>;
    resolve: (answer: LotteryMessage) => void;
    reject: (error: Error) => void;
  } {
    let resolve: (answer: LotteryMessage) => void = () => {};
    let reject: (error: Error) => void = () => {};
    const promise = new Promise<LotteryMessage>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    return { promise, resolve, reject };
  }

  it('leave in the order of what they answer, whenever they become known', async () => {
    const [first, third] = [later(), later()];
    queue.owe(first.promise);
    queue.owe(ok(2));
    queue.owe(third.promise);
    third.resolve(ok(3));
    await turns(3);
    expect(far.tryReceive()).to.equal(undefined);
    expect(queue.owed).to.equal(3);
    first.resolve(ok(1));
    expect([await next(), await next(), await next()]).to.deep.equal(['1', '2', '3']);
    await queue.settled();
    await turns(2);
    expect(queue.owed).to.equal(0);
  });

  it('make room wait at their limit', async () => {
    const held = later();
    for (const answer of [held.promise, ok(2)]) queue.owe(answer);
    await queue.waitForRoom();
    queue.owe(ok(3));
    let hasRoom = false;
    const waiting = queue.waitForRoom().then(() => (hasRoom = true));
    await turns(3);
    expect(hasRoom).to.equal(false);
    held.resolve(ok(1));
    await waiting;
  });

  it('make room wait at their limit of bytes, until a part of them has left', async () => {
    queue.owe(textMessage('R', '1'.repeat(60)));
    await queue.waitForRoom();
    queue.owe(textMessage('R', '2'.repeat(60)));
    let hasRoom = false;
    const waiting = queue.waitForRoom().then(() => (hasRoom = true));
    await Promise.resolve();
    expect(hasRoom).to.equal(false);
    expect([await next(), await next()]).to.deep.equal(['1'.repeat(60), '2'.repeat(60)]);
    await waiting;
  });

  it('are dropped behind one that cannot be had, and the failure is told once', async () => {
    const held = later();
    queue.owe(ok(1));
    queue.owe(held.promise);
    queue.owe(ok(3));
    const second = later();
    queue.owe(second.promise);
    held.reject(new Error('lost'));
    second.reject(new Error('lost too'));
    await queue.settled();
    expect(await next()).to.equal('1');
    await turns(5);
    expect(far.tryReceive()).to.equal(undefined);
    expect(failures.map(String)).to.deep.equal(['Error: lost']);
    await queue.waitForRoom();
  });

  it('that cannot be sent are a failure too', async () => {
    sockets[0]!.reset();
    queue.owe(ok(1));
    queue.owe(ok(2));
    await queue.settled();
    await turns(3);
    expect(failures).to.have.length(1);
  });
});
