import { expect } from 'chai';
import sinon from 'sinon';
import { FramedSocket } from '../../../lib/index';
import { expectCode } from '../../support/rejection';
import { codec, describeContract } from '../../support/stream_socket_contract';

describeContract(({ connect }) => {
  describe('resources', () => {
    it('no operation adds a listener', async () => {
      const { client, server, clientStream, serverStream } = await connect();
      const count = (): number =>
        [clientStream, serverStream].reduce(
          (sum, stream) => sum + stream.eventNames().reduce((all, name) => all + stream.listenerCount(name), 0),
          0,
        );
      const before = count();
      for (let round = 0; round < 20; round++) {
        void client.sendAll(Buffer.from('ab'), { timeoutMs: 10_000 });
        await server.recvExactly(2, { timeoutMs: 10_000, signal: new AbortController().signal });
      }
      const waiting = expectCode(server.recvExactly(1, { timeoutMs: 1 }), 'TIMED_OUT');
      expect(count()).to.equal(before);
      await waiting;
      expect(count()).to.equal(before);
    });

    it('one signal for all calls has one listener, and ends them all', async () => {
      const connections = await Promise.all([connect(), connect(), connect()]);
      const controller = new AbortController();
      const { signal } = controller;
      const added = sinon.spy(signal, 'addEventListener');
      const removed = sinon.spy(signal, 'removeEventListener');
      const waiting = connections
        .flatMap(({ client, server }) => [client, server])
        .map((socket) => expectCode(socket.recvExactly(2, { signal }), 'ABORTED'));
      for (const { client } of connections) await client.sendAll(Buffer.from('a'), { signal });
      expect([added.callCount, removed.callCount]).to.deep.equal([1, 0]);
      controller.abort();
      await Promise.all(waiting);
      expect([added.callCount, removed.callCount]).to.deep.equal([1, 1]);
    });

    it('a frame over the limit is refused from its header, without memory for it', async () => {
      const { client, server } = await connect();
      const framed = new FramedSocket(server, codec);
      const header = Buffer.from([0x42, 1, 0x20, 0, 0, 0, 0]);
      await client.sendAll(header);
      const error = await expectCode(framed.receive(), 'FRAME_TOO_LONG');
      expect(error).to.include({ type: 'B', length: 8193, limit: 8192 });
      expect(server.bufferedBytes).to.equal(7);
    });
  });
});
