import { expect } from 'chai';
import { type UnexpectedEofError } from '../../../lib/index';
import { expectCode } from '../../support/rejection';
import { blockSending, describeContract } from '../../support/stream_socket_contract';
import { turns } from '../../support/turns';

describeContract(({ connect }) => {
  describe('receiving', () => {
    it('recvExactly gives exactly count bytes, from any number of pieces', async () => {
      const { client, server } = await connect();
      const receiving = server.recvExactly(6);
      await client.sendAll(Buffer.from('ab'));
      await client.sendAll(Buffer.from('cdefgh'));
      expect(String(await receiving)).to.equal('abcdef');
      expect(String(await server.recvExactly(2))).to.equal('gh');
    });

    it('recvExactly(0) gives an empty buffer at once', async () => {
      const { server } = await connect();
      expect(await server.recvExactly(0)).to.have.length(0);
    });

    it('an end before the first byte gives null, repeatedly', async () => {
      const { client, server } = await connect();
      await client.shutdownWrite();
      expect(await server.recvExactly(3)).to.equal(null);
      expect(await server.recvSome(3)).to.equal(null);
      expect(await server.recvUntil('\n')).to.equal(null);
    });

    it('an end after some bytes is an error with both counts, and keeps the bytes', async () => {
      const { client, server } = await connect();
      const receiving = server.recvExactly(5);
      await client.sendAll(Buffer.from('abc'));
      await client.shutdownWrite();
      const error = (await expectCode(receiving, 'UNEXPECTED_EOF')) as UnexpectedEofError;
      expect([error.received, error.expected]).to.deep.equal([3, 5]);
      expect(error.message).to.contain('3 of 5 bytes');
      expect(String(await server.recvExactly(3))).to.equal('abc');
      expect(await server.recvExactly(1)).to.equal(null);
    });

    it('recvExactly with endIsError takes an end before the first byte for an error too', async () => {
      const { client, server } = await connect();
      const options = { endIsError: true, timeoutMs: 60_000 } as const;
      const header = server.recvExactly(2, options);
      await client.sendAll(Buffer.from('ab'));
      // The type has no null.
      expect((await header).length).to.equal(2);
      const body = server.recvExactly(5, options);
      await client.shutdownWrite();
      for (const read of [() => body, () => server.recvExactly(5, { endIsError: true })]) {
        const error = (await expectCode(read(), 'UNEXPECTED_EOF')) as UnexpectedEofError;
        expect([error.received, error.expected]).to.deep.equal([0, 5]);
      }
      expect(await server.recvExactly(0, options)).to.have.length(0);
      expect(await server.recvExactly(5)).to.equal(null);
      expect(await server.recvExactly(5, { endIsError: false })).to.equal(null);
    });

    it('recvSome gives the buffered bytes, up to the limit', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('abcdef'));
      expect(String(await server.recvExactly(1))).to.equal('a');
      expect(String(await server.recvSome(2))).to.equal('bc');
      expect(String(await server.recvSome(100))).to.equal('def');
    });

    it('recvUntil finds a delimiter across pieces, and leaves the bytes behind it', async () => {
      const { client, server } = await connect();
      const receiving = server.recvUntil('\r\n');
      for (const piece of ['one', '\r', '\ntwo\r', '\nrest']) {
        await client.sendAll(Buffer.from(piece));
        await turns(2);
      }
      expect(String(await receiving)).to.equal('one\r\n');
      expect(String(await server.recvUntil(Buffer.from('\r\n')))).to.equal('two\r\n');
      expect(String(await server.recvExactly(4))).to.equal('rest');
    });

    it('recvUntil fails at its limit and takes no byte', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('abcdef\n'));
      await expectCode(server.recvUntil('\n', { limit: 6 }), 'DELIMITER_NOT_FOUND');
      expect(String(await server.recvUntil('\n', { limit: 7 }))).to.equal('abcdef\n');
    });

    it('a second read while one waits is refused, and the first goes on', async () => {
      const { client, server } = await connect();
      const first = server.recvExactly(2);
      await expectCode(server.recvExactly(1), 'CONCURRENT_READ');
      await client.sendAll(Buffer.from('ab'));
      expect(String(await first)).to.equal('ab');
    });

    it('reading pauses above the limit of the buffer', async () => {
      const limit = 4096;
      const connection = await connect({ receiveBufferBytes: limit });
      const { server } = connection;
      await blockSending(connection);
      expect(server.bufferedBytes)
        .to.be.greaterThan(limit)
        .and.at.most(limit + 65_536);
      const bufferedBefore = server.bufferedBytes;
      await turns(20);
      expect(server.bufferedBytes).to.equal(bufferedBefore);
    });

    it('reading goes on above the limit for a read that needs more', async () => {
      const { client, server } = await connect({ receiveBufferBytes: 1024 });
      const sending = client.sendAll(Buffer.alloc(3_000_000, 7));
      const received = await server.recvExactly(3_000_000);
      await sending;
      expect(received!.equals(Buffer.alloc(3_000_000, 7))).to.equal(true);
    });
  });
});
