import { expect } from 'chai';
import {
  type CallLostError,
  type FramedSocket,
  RequestChannel,
  type RequestChannelOptions,
  type UnmatchedResponse,
} from '../../../../lib/index';
import { expectCode, rejection } from '../../../support/rejection';
import { framedPair, type TextMessage, textProtocol } from '../../../support/request_pair';
import { turns } from '../../../support/turns';

describe('RequestChannel', () => {
  let client: FramedSocket<TextMessage>;
  let server: FramedSocket<TextMessage>;
  let unmatched: UnmatchedResponse<string>[];

  beforeEach(() => {
    ({ client, server } = framedPair());
    unmatched = [];
  });

  afterEach(async () => {
    await Promise.all([client.close(), server.close()]);
  });

  function open(
    options: RequestChannelOptions<string> = {},
    maxId?: number,
  ): RequestChannel<string, string, TextMessage> {
    const onUnmatchedResponse = (response: UnmatchedResponse<string>): unknown => unmatched.push(response);
    return new RequestChannel(client, { ...textProtocol, maxId }, { onUnmatchedResponse, ...options });
  }

  /** The value of the next request. */
  const received = async (): Promise<string> => (await server.receive())!.value;
  const respond = (value: string, type = 'R'): Promise<void> => server.send({ type, value });
  const nothingReceived = async (): Promise<void> => {
    await turns(20);
    expect(server.socket.bufferedBytes).to.equal(0);
  };

  it('matches responses to calls by their ids, in any order', async () => {
    const channel = open();
    const calls = ['one', 'two', 'three'].map((request) => channel.call(request));
    expect([await received(), await received(), await received()]).to.deep.equal(['1 one', '2 two', '3 three']);
    expect(channel.callsInFlight).to.equal(3);
    await respond('3 drei');
    await respond('1 eins');
    expect(await calls[2]).to.equal('drei');
    expect(await calls[0]).to.equal('eins');
    await respond('2 no', 'E');
    expect((await rejection(calls[1]!)).message).to.equal('no');
    expect([channel.callsInFlight, unmatched]).to.deep.equal([0, []]);
  });

  for (const how of ['deadline', 'signal'] as const) {
    it(`a ${how} gives a call up; its late response is reported, and the others go on`, async () => {
      const channel = open({ maxInFlight: 1 });
      const controller = new AbortController();
      const given = channel.call('slow', how === 'deadline' ? { timeoutMs: 5 } : controller);
      const next = channel.call('next');
      expect(channel.callsWaiting).to.equal(1);
      expect(await received()).to.equal('1 slow');
      if (how === 'signal') controller.abort(new Error('enough'));
      const error = await expectCode(given, how === 'deadline' ? 'TIMED_OUT' : 'ABORTED');
      expect(error.message).to.match(/^call: (timed out after 5 ms|aborted by the caller)$/);
      expect(await received()).to.equal('2 next');
      await respond('1 late');
      await respond('2 in time');
      expect(await next).to.equal('in time');
      expect(unmatched).to.deep.equal([{ id: 1, isLate: true, response: { id: 1, response: 'late' } }]);
    });
  }

  it('a signal that had fired before, and a mistake, send nothing', async () => {
    const channel = open();
    await expectCode(channel.call('never', { signal: AbortSignal.abort() }), 'ABORTED');
    expect(await rejection(channel.call('never', { timeoutMs: -1 }))).to.be.instanceOf(RangeError);
    await nothingReceived();
  });

  it('reports a response to no call, and a second response, and goes on', async () => {
    const channel = open();
    const call = channel.call('one');
    await respond('7 what');
    await respond('1 yes');
    await respond('1 yes');
    expect(await call).to.equal('yes');
    const next = channel.call('two');
    await respond('2 still here');
    expect(await next).to.equal('still here');
    expect(unmatched.map(({ id, isLate }) => [id, isLate])).to.deep.equal([
      [7, false],
      [1, false],
    ]);
  });

  it('sends at most maxInFlight requests before a response; further calls wait for their turn', async () => {
    const channel = open({ maxInFlight: 2 });
    const calls = ['a', 'b', 'c', 'd'].map((request) => channel.call(request));
    const controller = new AbortController();
    const waiting = expectCode(channel.call('given up', controller), 'ABORTED');
    expect([await received(), await received()]).to.deep.equal(['1 a', '2 b']);
    await nothingReceived();
    expect([channel.callsInFlight, channel.callsWaiting]).to.deep.equal([2, 3]);
    controller.abort();
    await waiting;
    await respond('2 B');
    expect(await received()).to.equal('3 c');
    await nothingReceived();
    await respond('1 A');
    await respond('3 C');
    expect(await received()).to.equal('4 d');
    await respond('4 D');
    expect(await Promise.all(calls)).to.deep.equal(['A', 'B', 'C', 'D']);
    await nothingReceived();
    expect([channel.callsInFlight, channel.callsWaiting]).to.deep.equal([0, 0]);
  });

  it('uses ids again after the last, but none whose response may still come', async () => {
    const channel = open({}, 3);
    const abandoned = expectCode(channel.call('slow', { timeoutMs: 5 }), 'TIMED_OUT');
    expect(await received()).to.equal('1 slow');
    await abandoned;
    for (const id of [2, 3, 2, 3]) {
      const call = channel.call('x');
      expect(await received()).to.equal(`${id} x`);
      await respond(`${id} y`);
      expect(await call).to.equal('y');
    }
    const [second, third, fourth] = ['b', 'c', 'd'].map((request) => channel.call(request));
    expect([await received(), await received()]).to.deep.equal(['2 b', '3 c']);
    await nothingReceived();
    expect(channel.callsWaiting).to.equal(1);
    await respond('1 late');
    expect(await received()).to.equal('1 d');
    for (const value of ['1 D', '2 B', '3 C']) await respond(value);
    expect(await Promise.all([second, third, fourth])).to.deep.equal(['B', 'C', 'D']);
    expect(unmatched.map(({ id, isLate }) => [id, isLate])).to.deep.equal([[1, true]]);
  });

  it('a call that waits for an id ends by its deadline', async () => {
    const channel = open({}, 1);
    await expectCode(channel.call('a', { timeoutMs: 5 }), 'TIMED_OUT');
    await expectCode(channel.call('b', { timeoutMs: 5 }), 'TIMED_OUT');
    expect(await received()).to.equal('1 a');
    await nothingReceived();
    expect(channel.callsWaiting).to.equal(0);
  });

  it('a loss fails all calls, says which were sent, and fails later ones', async () => {
    const channel = open({ maxInFlight: 1 });
    const calls = ['sent', 'not sent'].map((request) => expectCode(channel.call(request), 'CALL_LOST'));
    await received();
    server.socket.reset();
    const errors = (await Promise.all([...calls])) as CallLostError[];
    errors.push((await expectCode(channel.call('later'), 'CALL_LOST')) as CallLostError);
    expect(errors.map(({ wasSent }) => wasSent)).to.deep.equal([true, false, false]);
    for (const error of errors) expect(error.cause).to.have.property('code', 'CONNECTION_LOST');
    expect(errors[0]!.message).to.match(/^call: no response: receive: the connection was lost/);
    expect(await channel.closed).to.equal(errors[0]!.cause);
  });

  it("the peer's end fails all calls, and closes the connection", async () => {
    const channel = open();
    const call = expectCode(channel.call('one'), 'CALL_LOST');
    await received();
    await server.close();
    expect(await call).to.include({ wasSent: true, message: 'call: no response: the peer has ended the connection' });
    expect(await channel.closed).to.equal(undefined);
    expect(client.socket.isClosed).to.equal(true);
  });

  it('an end within a response fails all calls with its counts', async () => {
    const channel = open();
    const call = expectCode(channel.call('one'), 'CALL_LOST');
    await server.socket.sendAll(Buffer.from('R'));
    await server.close();
    expect((await call).cause).to.have.property('code', 'UNEXPECTED_EOF');
    expect(channel.callsInFlight).to.equal(0);
  });

  it('a close on this side fails all calls with SocketClosedError', async () => {
    const channel = open({ maxInFlight: 1 });
    const calls = ['a', 'b'].map((request) => expectCode(channel.call(request), 'SOCKET_CLOSED'));
    await channel.close();
    await Promise.all([...calls, expectCode(channel.call('c'), 'SOCKET_CLOSED')]);
    expect(await channel.closed).to.equal(undefined);
    expect((await server.receive())?.value).to.be.oneOf(['1 a', undefined]);
  });

  for (const [what, frame] of [
    ['that the codec refuses', Buffer.from([0x52, 0xff, 0xff])],
    ['that is no response', Buffer.concat([Buffer.from([0x51, 0, 3]), Buffer.from('1 a')])],
  ] as const) {
    it(`a message ${what} resets the connection, and is the cause`, async () => {
      const channel = open();
      const call = expectCode(channel.call('one'), 'CALL_LOST');
      await received();
      await server.socket.sendAll(frame);
      const { cause } = await call;
      expect(cause).to.be.instanceOf(Error).and.not.have.property('code', 'CONNECTION_LOST');
      expect(await channel.closed).to.equal(cause);
      await expectCode(server.receive(), 'CONNECTION_LOST');
    });
  }

  it('a request without a message fails its call only', async () => {
    const channel = open({ maxInFlight: 1 });
    const tooLong = expectCode(channel.call('x'.repeat(101)), 'FRAME_TOO_LONG');
    const next = channel.call('next');
    await tooLong;
    expect(await received()).to.equal('2 next');
    await respond('2 yes');
    expect(await next).to.equal('yes');

    const refused = new Error('no such request');
    const refusing = {
      ...textProtocol,
      encodeRequest: () => {
        throw refused;
      },
    };
    const other = new RequestChannel(framedPair().client, refusing, { maxInFlight: 1 });
    expect(await rejection(other.call('a'))).to.equal(refused);
    expect(other.callsInFlight).to.equal(0);
    await other.close();
  });

  it('a call after shutdownWrite fails with the mistake', async () => {
    const channel = open();
    await client.socket.shutdownWrite();
    await expectCode(channel.call('one'), 'WRONG_STATE');
    expect(channel.callsInFlight).to.equal(0);
  });

  it('an error of onUnmatchedResponse ends the connection', async () => {
    const mistake = new Error('mistake');
    const channel = open({
      onUnmatchedResponse: () => {
        throw mistake;
      },
    });
    const call = expectCode(channel.call('one'), 'CALL_LOST');
    await respond('7 what');
    expect((await call).cause).to.equal(mistake);
    expect(await channel.closed).to.equal(mistake);
  });

  it('refuses options that cannot be used', () => {
    for (const options of [{ maxInFlight: 0 }, { maxInFlight: 1.5 }]) expect(() => open(options)).to.throw(RangeError);
    expect(() => open({}, 0)).to.throw(RangeError);
    expect(() => open({ onUnmatchedResponse: 'log' as never })).to.throw(TypeError);
  });
});
