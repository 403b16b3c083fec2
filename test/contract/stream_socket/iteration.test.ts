import { expect } from 'chai';
import { patternedBytes } from '../../support/bytes';
import { expectCode } from '../../support/rejection';
import { describeContract } from '../../support/stream_socket_contract';
import { until } from '../../support/turns';

describeContract(({ transport, connect }) => {
  describe('for await over a socket', () => {
    async function collect(socket: AsyncIterable<Buffer>, into: Buffer[] = []): Promise<Buffer> {
      for await (const bytes of socket) into.push(bytes);
      return Buffer.concat(into);
    }

    it('gives all bytes, at most 64 KiB at a time, and ends with the peer', async () => {
      const { client, server } = await connect();
      const sent = patternedBytes(1_000_000);
      const sending = client.sendAll(sent).then(() => client.shutdownWrite());
      const chunks: Buffer[] = [];
      expect((await collect(server, chunks)).equals(sent)).to.equal(true);
      expect(Math.max(...chunks.map(({ length }) => length))).to.be.at.most(65_536);
      expect(Math.min(...chunks.map(({ length }) => length))).to.be.at.least(1);
      await sending;
      await server.sendAll(Buffer.from('still open'));
      expect(String(await client.recvExactly(10))).to.equal('still open');
    });

    it('break closes nothing, and another read goes on behind the last bytes', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('abc'));
      await until(() => server.bufferedBytes === 3, 'all bytes are there');
      for await (const bytes of server) {
        expect(String(bytes)).to.equal('abc');
        break;
      }
      await client.sendAll(Buffer.from('defghi'));
      expect(String(await server.recvExactly(3))).to.equal('def');
      await client.shutdownWrite();
      expect(String(await collect(server))).to.equal('ghi');
      expect(String(await collect(server))).to.equal('');
    });

    it('throws at a close on this side, and at a second read', async () => {
      const { server } = await connect();
      const first = expectCode(collect(server), 'SOCKET_CLOSED');
      await expectCode(collect(server), 'CONCURRENT_READ');
      await server.close();
      await first;
      await expectCode(collect(server), 'SOCKET_CLOSED');
    });

    if (transport.hasReset) {
      it('throws at a loss, behind the bytes that came before it', async () => {
        const { client, server } = await connect();
        await client.sendAll(Buffer.from('last words'));
        await until(() => server.bufferedBytes === 10, 'all bytes are there');
        client.reset();
        const received: Buffer[] = [];
        await expectCode(collect(server, received), 'CONNECTION_LOST');
        expect(String(Buffer.concat(received))).to.equal('last words');
      });
    }
  });
});
