import { expect } from 'chai';
import { expectCode } from '../../support/rejection';
import { blockSending, describeContract } from '../../support/stream_socket_contract';
import { turns } from '../../support/turns';

describeContract(({ connect }) => {
  describe('sending', () => {
    it('bytes arrive in the order of the calls, in one turn and over many', async () => {
      const { client, server } = await connect();
      const sends = ['a', 'b', 'c'].map((text) => client.sendAll(Buffer.from(text)));
      sends.push(client.sendMany([Buffer.from('d'), Buffer.alloc(0), Buffer.from('e')]), client.sendMany([]));
      await Promise.all(sends);
      await client.sendAll(Buffer.from('f'));
      expect(String(await server.recvExactly(6))).to.equal('abcdef');
    });

    it('large and small buffers arrive in order', async () => {
      const { client, server } = await connect();
      const buffers = [10, 50_000, 3, 40_000].map((size, index) => Buffer.alloc(size, index + 1));
      void client.sendMany(buffers);
      void client.sendAll(buffers[0]!);
      const whole = Buffer.concat([...buffers, buffers[0]!]);
      expect((await server.recvExactly(whole.length))!.equals(whole)).to.equal(true);
    });

    it('a send waits while the peer does not read, and resolves when it does', async () => {
      const connection = await connect();
      const { server } = connection;
      const { blocked } = await blockSending(connection);
      let isSent = false;
      void blocked.then(() => (isSent = true));
      await turns(20);
      expect(isSent).to.equal(false);
      const readAll = async (): Promise<void> => {
        while ((await server.recvSome(1 << 20)) !== null);
      };
      const reading = expectCode(readAll(), 'SOCKET_CLOSED');
      await blocked;
      await server.close();
      await reading;
    });

    it('the caller may change its buffer after the send has resolved', async () => {
      const { client, server } = await connect();
      const bytes = Buffer.from('first');
      await client.sendAll(bytes);
      bytes.fill('x');
      expect(String(await server.recvExactly(5))).to.equal('first');
    });

    it('a send on a stream that was destroyed below the socket rejects', async () => {
      const connection = await connect();
      const { client, clientStream } = connection;
      const { blocked } = await blockSending(connection);
      clientStream.destroy();
      await expectCode(blocked, 'CONNECTION_LOST');
      await expectCode(client.sendAll(Buffer.from('late')), 'CONNECTION_LOST');
    });

    it('a send on a stream that is destroyed in the same turn rejects', async () => {
      const { client, clientStream } = await connect();
      const sending = client.sendAll(Buffer.from('early'));
      clientStream.destroy();
      await expectCode(sending, 'CONNECTION_LOST');
    });

    it('a send of something else than bytes is refused', async () => {
      const { client } = await connect();
      const wrong = client.sendAll('text' as unknown as Uint8Array);
      await wrong.then(
        () => expect.fail('resolved'),
        (error) => expect(error).to.be.instanceOf(TypeError),
      );
    });
  });
});
