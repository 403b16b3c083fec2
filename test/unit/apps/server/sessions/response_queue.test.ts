import { expect } from 'chai';
import { FramedSocket, type PeerSocket } from '../../../../../lib/index';
import { connectedPair } from '../../../../../lib/testing/index';
import { ResponseQueue } from '../../../../../apps/server/sessions/response_queue';
import {
  createAgencyCodec,
  createServerCodec,
  type LotteryMessage,
  textMessage,
} from '../../../../../apps/protocol/messages';
import { turns } from '../../../../support/turns';

describe('the queue of responses', () => {
  let far: FramedSocket<LotteryMessage>;
  let queue: ResponseQueue;
  let failures: unknown[];
  let sockets: PeerSocket[];

  beforeEach(() => {
    sockets = connectedPair();
    far = new FramedSocket(sockets[1]!, createAgencyCodec());
    failures = [];
    const near = new FramedSocket(sockets[0]!, createServerCodec());
    queue = new ResponseQueue(near, { responses: 3, bytes: 100 }, 60_000, {
      fail: (error) => failures.push(error),
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

  it('sends the responses in the order of their requests, at any order of their completion', async () => {
    const [first, third] = [later(), later()];
    queue.enqueue(first.promise);
    queue.enqueue(ok(2));
    queue.enqueue(third.promise);
    third.resolve(ok(3));
    await turns(3);
    expect(far.tryReceive()).to.equal(undefined);
    expect(queue.length).to.equal(3);
    first.resolve(ok(1));
    expect([await next(), await next(), await next()]).to.deep.equal(['1', '2', '3']);
    await queue.settled();
    await turns(2);
    expect(queue.length).to.equal(0);
  });

  it('has no room at its limit of responses', async () => {
    const held = later();
    for (const answer of [held.promise, ok(2)]) queue.enqueue(answer);
    await queue.waitForRoom();
    queue.enqueue(ok(3));
    let hasRoom = false;
    const waiting = queue.waitForRoom().then(() => (hasRoom = true));
    await turns(3);
    expect(hasRoom).to.equal(false);
    held.resolve(ok(1));
    await waiting;
  });

  it('has no room at its limit of bytes until a part of them is sent', async () => {
    queue.enqueue(textMessage('R', '1'.repeat(60)));
    await queue.waitForRoom();
    queue.enqueue(textMessage('R', '2'.repeat(60)));
    let hasRoom = false;
    const waiting = queue.waitForRoom().then(() => (hasRoom = true));
    await Promise.resolve();
    expect(hasRoom).to.equal(false);
    expect([await next(), await next()]).to.deep.equal(['1'.repeat(60), '2'.repeat(60)]);
    await waiting;
  });

  it('drops the responses after a failed one, and reports the failure once', async () => {
    const held = later();
    queue.enqueue(ok(1));
    queue.enqueue(held.promise);
    queue.enqueue(ok(3));
    const second = later();
    queue.enqueue(second.promise);
    held.reject(new Error('lost'));
    second.reject(new Error('lost too'));
    await queue.settled();
    expect(await next()).to.equal('1');
    await turns(5);
    expect(far.tryReceive()).to.equal(undefined);
    expect(failures.map(String)).to.deep.equal(['Error: lost']);
    await queue.waitForRoom();
  });

  it('reports a failed send as a failure', async () => {
    sockets[0]!.reset();
    queue.enqueue(ok(1));
    queue.enqueue(ok(2));
    await queue.settled();
    await turns(3);
    expect(failures).to.have.length(1);
  });
});
