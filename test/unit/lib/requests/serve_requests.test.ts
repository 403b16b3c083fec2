import { expect } from 'chai';
import fc from 'fast-check';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import {
  type FramedSocket,
  PeerSocket,
  RequestChannel,
  serveRequests,
  type ServerProtocol,
  type ServeRequestsOptions,
} from '../../../../lib/index';
import { FaultyStream, MemoryStream } from '../../../../lib/testing/index';
import { expectCode, rejection } from '../../../support/rejection';
import { type FramedPair, framedPair, type TextMessage, textProtocol } from '../../../support/request_pair';
import { turns, until } from '../../../support/turns';

/** A request under way: the test decides how and when it ends. */
interface Task {
  readonly request: string;
  readonly signal: AbortSignal;
  readonly resolve: (response: string) => void;
  readonly reject: (error: Error) => void;
}

describe('serveRequests', () => {
  let client: FramedSocket<TextMessage>;
  let server: FramedSocket<TextMessage>;
  let tasks: Task[];

  beforeEach(() => {
    ({ client, server } = framedPair());
    tasks = [];
  });

  afterEach(async () => {
    await Promise.all([client.close(), server.close()]);
  });

  const handler = (request: string, signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => tasks.push({ request, signal, resolve, reject }));

  function serve(options?: ServeRequestsOptions): Promise<void> {
    const serving = serveRequests(server, textProtocol, handler, options);
    serving.catch(() => undefined);
    return serving;
  }

  /** Two sockets with room for a few messages between them. */
  function narrowPair(): [PeerSocket, PeerSocket] {
    const [near, far] = MemoryStream.pair({ capacityBytes: 100 });
    return [new PeerSocket(near, { receiveBufferBytes: 100 }), new PeerSocket(far, { receiveBufferBytes: 100 })];
  }

  const request = (value: string): Promise<void> => client.send({ type: 'Q', value });
  const received = async (): Promise<string> => {
    const { type, value } = (await client.receive())!;
    return `${type} ${value}`;
  };
  const begun = (count: number): Promise<void> =>
    until(() => tasks.length === count, `${count} requests are under way`);

  it('carries requests out at a time, and responds to each as soon as it is done', async () => {
    const serving = serve();
    for (const value of ['1 a', '2 b', '3 c']) await request(value);
    await begun(3);
    expect(tasks.map((task) => task.request)).to.deep.equal(['a', 'b', 'c']);
    tasks[2]!.resolve('C');
    expect(await received()).to.equal('R 3 C');
    tasks[0]!.reject(new Error('not now'));
    expect(await received()).to.equal('E 1 not now');
    await client.socket.shutdownWrite();
    await turns(20);
    tasks[1]!.resolve('B');
    expect(await received()).to.equal('R 2 B');
    await serving;
    expect(server.socket.isClosed).to.equal(false);
  });

  it('receives no further request while maxConcurrent are under way', async () => {
    const serving = serve({ maxConcurrent: 2 });
    for (const value of ['1 a', '2 b', '3 c', '4 d']) await request(value);
    await begun(2);
    await turns(20);
    expect([tasks.length, server.socket.bufferedBytes]).to.deep.equal([2, 12]);
    tasks[1]!.resolve('B');
    await begun(3);
    await turns(20);
    expect([tasks.length, tasks[2]!.request]).to.deep.equal([3, 'c']);
    for (const task of [tasks[0]!, tasks[2]!]) task.resolve('done');
    await begun(4);
    tasks[3]!.resolve('done');
    await client.socket.shutdownWrite();
    await serving;
  });

  it('serves a client no further that does not read its responses', async () => {
    ({ client, server } = framedPair(narrowPair()));
    let handled = 0;
    const serving = serveRequests(server, textProtocol, () => `${++handled} ${'x'.repeat(80)}`, { maxConcurrent: 3 });
    serving.catch(() => undefined);
    const sending = (async () => {
      for (let id = 1; id <= 1000; id++) await request(`${id} a`);
    })();
    sending.catch(() => undefined);
    let before = -1;
    while (before !== handled) {
      before = handled;
      await turns(50);
    }
    expect(handled).to.be.lessThan(100);
    client.socket.reset();
    await expectCode(serving, 'CONNECTION_LOST');
  });

  it('a handler that throws at once, and a response that has no message, are failures of their calls', async () => {
    const throwing = serveRequests(server, textProtocol, (text) => {
      if (text === 'throw') throw new Error('at once');
      return 'x'.repeat(101);
    });
    await request('1 throw');
    expect(await received()).to.equal('E 1 at once');
    await request('2 long');
    expect(await received()).to.match(/^E 2 a value of 103 bytes/);
    await client.socket.shutdownWrite();
    await throwing;
  });

  it('at a loss the signal of the handlers fires, and they end before it throws', async () => {
    const serving = serve();
    await request('1 a');
    await begun(1);
    let isOver = false;
    const over = expectCode(serving, 'CONNECTION_LOST').then((error) => {
      isOver = true;
      return error;
    });
    client.socket.reset();
    await until(() => tasks[0]!.signal.aborted, 'the signal has fired');
    await turns(20);
    expect(isOver).to.equal(false);
    tasks[0]!.resolve('too late');
    await over;
    expect(tasks[0]!.signal.reason).to.have.property('code', 'CONNECTION_LOST');
  });

  it('a close on this side ends it, and the handlers', async () => {
    const serving = serve({ maxConcurrent: 1 });
    await request('1 a');
    await begun(1);
    const over = expectCode(serving, 'SOCKET_CLOSED');
    await server.close();
    expect(tasks[0]!.signal.aborted).to.equal(true);
    tasks[0]!.reject(new Error('aborted'));
    await over;
  });

  it('a message that is no request ends it with the error of the protocol', async () => {
    const serving = serve();
    await request('1 a');
    await client.send({ type: 'R', value: '1 a' });
    await begun(1);
    await until(() => tasks[0]!.signal.aborted, 'the signal has fired');
    tasks[0]!.resolve('A');
    expect((await rejection(serving)).message).to.equal('no message of this protocol: R 1 a');
    expect(await received()).to.equal('R 1 A');
  });

  it('has ids of any type, and sends nothing for a request without a response', async () => {
    type Id = string | undefined;
    const protocol: ServerProtocol<string, string, TextMessage, TextMessage, Id> = {
      decodeRequest: ({ type, value }) => ({
        id: type === 'N' ? undefined : value.slice(0, 1),
        request: value.slice(2),
      }),
      encodeResponse: (id, value) => (id === undefined ? undefined : { type: 'R', value: `${id} ${value}` }),
      encodeFailure: (id, error) => (id === undefined ? undefined : { type: 'E', value: `${id} ${String(error)}` }),
    };
    const serving = serveRequests(server, protocol, handler);
    await client.send({ type: 'N', value: '- done' });
    await client.send({ type: 'N', value: '- failed' });
    await client.send({ type: 'N', value: '- too long' });
    await request('a call');
    await request('b call');
    await begun(5);
    expect(tasks.map((task) => task.request)).to.deep.equal(['done', 'failed', 'too long', 'call', 'call']);
    tasks[0]!.resolve('nothing is sent');
    tasks[1]!.reject(new Error('nothing is sent'));
    tasks[2]!.resolve('x'.repeat(101));
    tasks[4]!.resolve('B');
    expect(await received()).to.equal('R b B');
    tasks[3]!.reject(new Error('not now'));
    expect(await received()).to.equal('E a Error: not now');
    await client.socket.shutdownWrite();
    await serving;
  });

  it('an error of encodeFailure ends it', async () => {
    const mistake = new Error('mistake');
    const encodeFailure = (): never => {
      throw mistake;
    };
    const serving = rejection(serveRequests(server, { ...textProtocol, encodeFailure }, handler));
    await request('1 a');
    await begun(1);
    tasks[0]!.reject(new Error('no'));
    expect(await serving).to.equal(mistake);
  });

  it('a signal stops it in order: those under way are responded to', async () => {
    const controller = new AbortController();
    const serving = serve({ signal: controller.signal });
    await request('1 a');
    await begun(1);
    controller.abort();
    await request('2 b');
    await turns(20);
    expect([tasks.length, tasks[0]!.signal.aborted]).to.deep.equal([1, false]);
    tasks[0]!.resolve('A');
    expect(await received()).to.equal('R 1 A');
    await serving;
    await serve({ signal: controller.signal });
    expect(tasks.length).to.equal(1);
  });

  describe('with a fake clock', () => {
    let clock: SinonFakeTimers;

    beforeEach(() => (clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })));
    afterEach(() => clock.restore());

    it('the idle clock runs while no request is under way, from the last response on', async () => {
      const serving = serve({ idleTimeoutMs: 1000 });
      await clock.tickAsync(600);
      await request('1 a');
      await begun(1);
      await clock.tickAsync(5300);
      tasks[0]!.resolve('A');
      expect(await received()).to.equal('R 1 A');
      await turns(5);
      let isOver = false;
      const over = expectCode(serving, 'TIMED_OUT').then((error) => {
        isOver = true;
        return error;
      });
      await clock.tickAsync(900);
      await turns(5);
      expect(isOver).to.equal(false);
      await clock.tickAsync(100);
      await turns(5);
      expect(await over).to.include({ clock: 'idle' });
      expect(clock.countTimers()).to.equal(0);
    });

    it('a client that trickles a request is cut off', async () => {
      const over = expectCode(serve({ messageTimeoutMs: 1000 }), 'TIMED_OUT');
      await client.socket.sendAll(Buffer.from('Q'));
      await until(() => server.socket.bufferedBytes === 1, 'the byte is there');
      await clock.tickAsync(1000);
      expect(await over).to.include({ clock: 'message' });
    });
  });

  it('property: each call gets its own response, from any pieces, at any limits', async () => {
    const run = async (
      { client: calling, server: serving }: FramedPair,
      texts: readonly string[],
      limits: { readonly maxInFlight: number; readonly maxConcurrent: number; readonly maxId: number },
    ): Promise<void> => {
      const { maxInFlight, maxConcurrent, maxId } = limits;
      let underWay = 0;
      const echo = async (text: string): Promise<string> => {
        expect(++underWay).to.be.at.most(Math.min(maxConcurrent, maxInFlight, maxId));
        await turns(text.length % 5);
        underWay--;
        if (text.endsWith('!')) throw new Error(`refused ${text}`);
        return `${text} back`;
      };
      const service = serveRequests(serving, textProtocol, echo, { maxConcurrent });
      const channel = new RequestChannel(calling, { ...textProtocol, maxId }, { maxInFlight });
      const outcomes = await Promise.all(
        texts.map((text) => channel.call(text).catch((error: Error) => `error: ${error.message}`)),
      );
      expect(outcomes).to.deep.equal(
        texts.map((text) => (text.endsWith('!') ? `error: refused ${text}` : `${text} back`)),
      );
      await calling.socket.shutdownWrite();
      await service;
    };
    const limit = fc.integer({ min: 1, max: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.stringMatching(/^[a-z ]{0,20}!?$/), { maxLength: 30 }),
        fc.record({ maxInFlight: limit, maxConcurrent: limit, maxId: limit }),
        fc.integer({ min: 1, max: 7 }),
        async (texts, limits, pieceBytes) => {
          const [near, far] = MemoryStream.pair();
          const faulty = new FaultyStream(far, { incoming: { pieceBytes }, outgoing: { pieceBytes } });
          const pair = framedPair([new PeerSocket(near), new PeerSocket(faulty)]);
          await run(pair, texts, limits);
          await Promise.all([pair.client.close(), pair.server.close()]);
        },
      ),
      { numRuns: 25 },
    );
  });
});
