import { expect } from 'chai';
import { MORE_THAN_BUFFERS, patternedBytes } from '../../support/bytes';
import { expectCode, rejection } from '../../support/rejection';
import { blockSending, describeContract } from '../../support/stream_socket_contract';
import { turns, until } from '../../support/turns';
import { unhandledRejections } from '../../support/unhandled_rejections';

describeContract(({ transport, connect }) => {
  async function readAll(readable: ReadableStream<Uint8Array>, into: Uint8Array[] = []): Promise<Buffer> {
    const reader = readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(into);
      into.push(value);
    }
  }

  describe('socket.readable', () => {
    it('gives all bytes and ends with the peer, in chunks and in buffers of the reader', async () => {
      const sent = patternedBytes(700_000);
      const { client, server } = await connect();
      const sending = client.sendAll(sent).then(() => client.shutdownWrite());
      expect((await readAll(server.readable)).equals(sent)).to.equal(true);
      await sending;

      const back = server.sendAll(sent).then(() => server.shutdownWrite());
      const reader = client.readable.getReader({ mode: 'byob' });
      const pieces: Uint8Array[] = [];
      for (let size = 1; ; size = 1 + ((size * 7) % 50_000)) {
        const { done, value } = await reader.read(new Uint8Array(size));
        if (done) break;
        expect(value.byteLength).to.be.within(1, size);
        pieces.push(value);
      }
      expect(Buffer.concat(pieces).equals(sent)).to.equal(true);
      await back;
    });

    it('is always the same, and takes no byte that its reader has not asked for', async () => {
      const { client, server } = await connect();
      expect(server.readable).to.equal(server.readable);
      await client.sendAll(Buffer.from('headerbodytrailer'));
      await until(() => server.bufferedBytes === 17, 'all bytes are there');
      const kept = await server.recvExactly(6);
      const reader = server.readable.getReader({ mode: 'byob' });
      const { value } = await reader.read(new Uint8Array(4));
      reader.releaseLock();
      expect([String(kept), String(Buffer.from(value!))]).to.deep.equal(['header', 'body']);
      expect(server.bufferedBytes).to.equal(7);
      expect(String(await server.recvExactly(7))).to.equal('trailer');
    });

    it('a read of the socket and one of the stream exclude each other', async () => {
      const { client, server } = await connect();
      const reading = server.readable.getReader().read();
      await turns(1);
      await expectCode(server.recvSome(1), 'CONCURRENT_READ');
      await client.sendAll(Buffer.from('abc'));
      expect(String(Buffer.from((await reading).value!))).to.equal('abc');

      const receiving = client.recvSome(3);
      await expectCode(client.readable.getReader().read(), 'CONCURRENT_READ');
      await server.sendAll(Buffer.from('def'));
      expect(String(await receiving)).to.equal('def');
    });

    it('leaves bytes alone that another read has given', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('firstsecondthird'));
      await until(() => server.bufferedBytes === 16, 'all bytes are there');
      const first = await server.recvExactly(5);
      const reader = server.readable.getReader();
      const { value } = await reader.read();
      expect([String(first), String(Buffer.from(value!))]).to.deep.equal(['first', 'secondthird']);
    });

    it('keeps the back-pressure: a stream that nobody reads stops the peer', async () => {
      const connection = await connect();
      const { server } = connection;
      expect(server.readable.locked).to.equal(false);
      const { blocked } = await blockSending(connection);
      blocked.catch(() => undefined);
      expect(server.bufferedBytes).to.be.at.most(2 * 65_536);
    });

    it('to cancel it closes the connection, while a read waits too', async () => {
      for (const waits of [false, true]) {
        const { client, server } = await connect();
        const reader = server.readable.getReader();
        const reading = waits ? reader.read() : undefined;
        await reader.cancel(new Error('enough'));
        expect(server.isClosed).to.equal(true);
        expect(await reading).to.deep.equal(waits ? { done: true, value: undefined } : undefined);
        expect(await client.recvSome(10)).to.equal(null);
      }
    });

    it('break out of its loop cancels it', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('abc'));
      for await (const bytes of server.readable) {
        expect(String(Buffer.from(bytes))).to.equal('abc');
        break;
      }
      expect(server.isClosed).to.equal(true);
    });

    it('a close of the socket is its error', async () => {
      const { server } = await connect();
      const reading = expectCode(server.readable.getReader().read(), 'SOCKET_CLOSED');
      await server.close();
      await reading;
    });

    if (transport.hasReset) {
      it('a loss is its error, behind the bytes that came before it', async () => {
        const { client, server } = await connect();
        await client.sendAll(Buffer.from('last words'));
        await until(() => server.bufferedBytes === 10, 'all bytes are there');
        client.reset();
        const received: Uint8Array[] = [];
        await expectCode(readAll(server.readable, received), 'CONNECTION_LOST');
        expect(String(Buffer.concat(received))).to.equal('last words');
      });
    }
  });

  describe('socket.writable', () => {
    it('sends all chunks in order; to close it ends this side, and receiving goes on', async () => {
      const { client, server } = await connect();
      expect(client.writable).to.equal(client.writable);
      const sent = patternedBytes(700_000);
      const writer = client.writable.getWriter();
      const receiving = readAll(server.readable);
      for (let from = 0; from < sent.length; from += 9_999) {
        await writer.ready;
        void writer.write(sent.subarray(from, from + 9_999));
      }
      await writer.close();
      expect((await receiving).equals(sent)).to.equal(true);
      await server.sendAll(Buffer.from('answer'));
      expect(String(await client.recvExactly(6))).to.equal('answer');
      expect(client.isClosed).to.equal(false);
    });

    it('is not ready while the peer does not read', async () => {
      const { client, server } = await connect();
      const writer = client.writable.getWriter();
      const sent = patternedBytes(MORE_THAN_BUFFERS);
      const writing = writer.write(sent);
      let isReady = false;
      const ready = writer.ready.then(() => (isReady = true));
      await turns(100);
      expect(isReady).to.equal(false);
      expect(Buffer.compare((await server.recvExactly(sent.length))!, sent)).to.equal(0);
      await Promise.all([writing, ready]);
    });

    it('to abort it resets the connection, even if a write waits', async () => {
      const connection = await connect();
      const { client, server } = connection;
      await blockSending(connection);
      const writer = client.writable.getWriter();
      const writing = rejection(writer.write(Buffer.from('x')));
      await turns(1);
      await writer.abort(new Error('given up'));
      await writing;
      expect(client.isClosed).to.equal(true);
      if (!transport.hasReset) return;
      const readingAll = (async () => {
        while ((await server.recvSome(1 << 20)) !== null);
      })();
      await expectCode(readingAll, 'CONNECTION_LOST');
    });

    it('a chunk that is no Uint8Array fails the write, and resets the connection', async () => {
      for (const wrong of ['text', undefined, new ArrayBuffer(3)]) {
        const { client } = await connect();
        const writer = client.writable.getWriter();
        expect(await rejection(writer.write(wrong as never))).to.be.instanceOf(TypeError);
        expect(client.isClosed).to.equal(true);
        await rejection(writer.closed);
      }
    });

    it('the end of the connection is its error, though nothing is written', async () => {
      const { client, clientStream } = await connect();
      const lost = expectCode(client.writable.getWriter().closed, 'CONNECTION_LOST');
      clientStream.destroy(new Error('the cable was cut'));
      await lost;

      const other = await connect();
      const closed = expectCode(other.client.writable.getWriter().closed, 'SOCKET_CLOSED');
      await other.client.close();
      await closed;
    });

    it('a write that fails by a loss leaves the bytes that came before it', async () => {
      const { client, server, serverStream } = await connect();
      await client.sendAll(Buffer.from('last words'));
      await until(() => server.bufferedBytes === 10, 'all bytes are there');
      serverStream.destroy(new Error('the cable was cut'));
      await expectCode(server.writable.getWriter().write(Buffer.from('x')), 'CONNECTION_LOST');
      expect(String(await server.recvExactly(10))).to.equal('last words');
    });

    it('streams that nobody looks at are no unhandled rejection', async () => {
      const unhandled = await unhandledRejections(async () => {
        for (const end of ['close', 'reset'] as const) {
          const { client } = await connect();
          expect([client.readable.locked, client.writable.locked]).to.deep.equal([false, false]);
          void client[end]();
          await client.closed;
        }
      });
      expect(unhandled).to.deep.equal([]);
    });
  });

  it('readable.pipeTo(writable) sends everything back, and ends with the peer', async () => {
    const { client, server } = await connect();
    const sent = patternedBytes(MORE_THAN_BUFFERS);
    const echoing = server.readable.pipeTo(server.writable);
    const sending = client.sendAll(sent).then(() => client.shutdownWrite());
    expect((await readAll(client.readable)).equals(sent)).to.equal(true);
    await Promise.all([echoing, sending]);
    expect(await server.closed).to.equal(undefined);
  });
});
