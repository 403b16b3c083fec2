import { expect } from 'chai';
import { ChatRoom } from '../../examples/chat_room';
import { ConnectSocket, FramedSocket, LineCodec, ListenSocket, utf8Text } from '../../lib/index';
import { ExampleServer } from '../support/example_server';

const codec = new LineCodec({ maxLineBytes: 2000 }, utf8Text);
type Guest = FramedSocket<string>;

/** A client that has sent its name. */
async function join(port: number, name: string): Promise<Guest> {
  const socket = new ConnectSocket({ host: '127.0.0.1', port });
  await socket.connect({ timeoutMs: 5000 });
  const guest = new FramedSocket(socket, codec);
  await guest.send(name);
  return guest;
}

async function linesOf(guest: Guest, count: number): Promise<(string | null)[]> {
  const lines = [];
  while (lines.length < count) lines.push(await guest.receive({ timeoutMs: 5000 }));
  return lines;
}

describe('the chat of the examples', function () {
  this.timeout(30_000);

  it('sends every line to all others, and the coming and going of each guest', async () => {
    const server = await ExampleServer.start('chat_server.ts');
    const ann = await join(server.port, 'ann');
    expect(await linesOf(ann, 1)).to.deep.equal(['* guests before you: 0']);
    const bob = await join(server.port, 'bob\r');
    expect(await linesOf(bob, 1)).to.deep.equal(['* guests before you: 1']);
    const cid = await join(server.port, 'ann');
    expect(await linesOf(cid, 1)).to.deep.equal(['* choose a name that is free, of 1 to 20 letters and digits']);
    await cid.send('cid');
    expect(await linesOf(cid, 1)).to.deep.equal(['* guests before you: 2']);
    await ann.send('ñandú \x1b[2J\r\r');
    await ann.send('x'.repeat(999));
    expect(await linesOf(cid, 2)).to.deep.equal(['ann: ñandú [2J', `ann: ${'x'.repeat(999)}`]);
    await cid.socket.shutdownWrite();
    expect(await linesOf(cid, 1)).to.deep.equal([null]);
    await bob.send('bye');
    expect(await linesOf(ann, 4)).to.deep.equal(['* bob has joined', '* cid has joined', '* cid has left', 'bob: bye']);
    expect(await linesOf(bob, 4)).to.deep.equal([
      '* cid has joined',
      'ann: ñandú [2J',
      `ann: ${'x'.repeat(999)}`,
      '* cid has left',
    ]);
    expect(await server.stop()).to.deep.equal({ code: 0, lines: ['stopped'] });
    await Promise.all([ann.close(), bob.close(), cid.close()]);
  });

  it('drops a guest that does not read, and the others go on', async () => {
    const room = new ChatRoom({ maxLineBytes: 1000, maxUnsentBytes: 100_000, timeoutMs: 5000 });
    await using listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
    await listener.bindAndListen();
    const stop = new AbortController();
    const failures: unknown[] = [];
    const serving = listener.serve((peer) => room.serve(peer, stop.signal), {
      signal: stop.signal,
      onError: (error) => failures.push((error as { code: string }).code),
    });
    const { port } = listener.address as { port: number };
    const loud = await join(port, 'loud');
    await linesOf(loud, 1);
    const slow = await join(port, 'slow');
    expect(await linesOf(loud, 1)).to.deep.equal(['* slow has joined']);
    const reader = await join(port, 'reader');
    expect(await linesOf(reader, 1)).to.deep.equal(['* guests before you: 2']);
    for (;;) {
      await loud.send('x'.repeat(990));
      const line = await reader.receive({ timeoutMs: 5000 });
      if (line === '* slow has left') break;
      expect(line).to.equal(`loud: ${'x'.repeat(990)}`);
    }
    expect(await linesOf(loud, 2)).to.deep.equal(['* reader has joined', '* slow has left']);
    stop.abort();
    await serving;
    expect(failures).to.deep.equal([]);
    await Promise.all([loud.close(), slow.close(), reader.close()]);
  });
});
