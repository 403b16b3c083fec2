import { once } from 'node:events';
import { type Duplex } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { MORE_THAN_BUFFERS, patternedBytes } from '../../support/bytes';
import { expectCode } from '../../support/rejection';
import { blockSending, describeContract } from '../../support/stream_socket_contract';
import { turns, until } from '../../support/turns';

describeContract(({ transport, connect }) => {
  describe('socket.toDuplex()', () => {
    async function readAll(stream: Duplex): Promise<Buffer> {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    }

    it('is always the same, and echoes everything in a pipeline with itself', async () => {
      const { client, server } = await connect();
      const duplex = server.toDuplex();
      expect(server.toDuplex()).to.equal(duplex);
      const sent = patternedBytes(MORE_THAN_BUFFERS);
      const echoing = pipeline(duplex, duplex);
      const sending = client.sendAll(sent).then(() => client.shutdownWrite());
      expect(Buffer.compare((await client.recvExactly(sent.length))!, sent)).to.equal(0);
      expect(await client.recvSome(1)).to.equal(null);
      await Promise.all([echoing, sending]);
      expect(await server.closed).to.equal(undefined);
    });

    it('has half-close: end() ends this side, and the peer can still send', async () => {
      const { client, server } = await connect();
      const duplex = client.toDuplex();
      duplex.write('ques');
      duplex.end('tion');
      expect(String(await server.recvExactly(8))).to.equal('question');
      expect(await server.recvSome(1)).to.equal(null);
      expect(client.isClosed).to.equal(false);
      await server.sendAll(Buffer.from('answer'));
      await server.shutdownWrite();
      expect(String(await readAll(duplex))).to.equal('answer');
      await finished(duplex);
    });

    it("the peer's end does not end this side", async () => {
      const { client, server } = await connect();
      const duplex = client.toDuplex();
      await server.shutdownWrite();
      expect(String(await new Promise((resolve) => duplex.resume().on('end', resolve)))).to.equal('undefined');
      await turns(3);
      duplex.end('later');
      expect(String(await server.recvExactly(5))).to.equal('later');
      await finished(duplex);
    });

    it('keeps the back-pressure of both directions', async () => {
      const connection = await connect();
      const { client, server } = connection;
      const duplex = client.toDuplex();
      const sent = patternedBytes(MORE_THAN_BUFFERS);
      let isWritten = false;
      const writing = new Promise<void>((resolve) => duplex.write(sent, () => resolve())).then(
        () => (isWritten = true),
      );
      expect(duplex.writableNeedDrain).to.equal(true);
      await turns(100);
      expect(isWritten).to.equal(false);
      expect(Buffer.compare((await server.recvExactly(sent.length))!, sent)).to.equal(0);
      await writing;

      server.toDuplex().pause();
      await blockSending(connection);
      expect(server.bufferedBytes + server.toDuplex().readableLength).to.be.at.most(4 * 65_536);
    });

    it('a loss is its error, though it neither reads nor writes', async () => {
      const { client, clientStream } = await connect();
      const duplex = client.toDuplex();
      const failed = once(duplex, 'error');
      clientStream.destroy(new Error('the cable was cut'));
      const [error] = (await failed) as [Error];
      expect(error).to.have.property('code', 'CONNECTION_LOST');
      expect(duplex.destroyed).to.equal(true);
    });

    it("a loss behind the peer's end is its error", async () => {
      const { client, server, clientStream } = await connect();
      const duplex = client.toDuplex().resume();
      const ended = once(duplex, 'end');
      await server.shutdownWrite();
      await ended;
      const failed = once(duplex, 'error');
      clientStream.destroy(new Error('the cable was cut'));
      expect((await failed)[0]).to.have.property('code', 'CONNECTION_LOST');
    });

    it('a close of the socket destroys it without an error, even if it reads and writes', async () => {
      const connection = await connect();
      const { client } = connection;
      const duplex = client.toDuplex().resume();
      const errors: Error[] = [];
      duplex.on('error', (error) => errors.push(error));
      await blockSending(connection);
      const written = new Promise((resolve) => duplex.write('x', resolve));
      await turns(1);
      const closed = once(duplex, 'close');
      await client.close();
      await closed;
      expect(await written).to.have.property('code', 'SOCKET_CLOSED');
      expect(errors).to.deep.equal([]);
    });

    it('destroy() closes the connection, and destroy(error) resets it', async () => {
      const ended = await connect();
      ended.client.toDuplex().destroy();
      await ended.client.closed;
      expect(await ended.server.recvSome(1)).to.equal(null);

      const { client, server } = await connect();
      const duplex = client.toDuplex();
      const failed = once(duplex, 'error');
      duplex.destroy(new Error('no more'));
      expect(((await failed) as [Error])[0].message).to.equal('no more');
      if (transport.hasReset) await expectCode(server.recvSome(1), 'CONNECTION_LOST');
      else expect(await server.recvSome(1)).to.equal(null);
    });

    it('bytes that came before a loss are read first', async () => {
      const { client, server, serverStream } = await connect();
      await client.sendAll(Buffer.from('last words'));
      await until(() => server.bufferedBytes === 10, 'all bytes are there');
      const duplex = server.toDuplex();
      serverStream.destroy(new Error('the cable was cut'));
      await server.closed;
      const received: string[] = [];
      duplex.on('data', (chunk: Buffer) => received.push(String(chunk)));
      const [error] = (await once(duplex, 'error')) as [Error];
      expect(error).to.have.property('code', 'CONNECTION_LOST');
      expect(received.join('')).to.equal('last words');
    });
  });
});
