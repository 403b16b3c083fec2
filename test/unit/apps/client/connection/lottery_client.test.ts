import { expect } from 'chai';
import { ConnectSocket, FramedSocket } from '../../../../../lib/index';
import { MemoryStream } from '../../../../../lib/testing/index';
import { LotteryClient } from '../../../../../apps/client/connection/lottery_client';
import { createAgencyCodec } from '../../../../../apps/protocol/messages';
import { turns } from '../../../../support/turns';

describe('a lottery client', () => {
  const BATCH = Buffer.from('1,Ana,Paz,30904465,1999-03-17,7574');

  async function connect(): Promise<{ client: LotteryClient; socket: ConnectSocket; far: MemoryStream }> {
    const [near, far] = MemoryStream.pair();
    const socket = new ConnectSocket({ createConnection: () => near });
    await socket.connect();
    const channel = new FramedSocket(socket, createAgencyCodec());
    return { client: new LotteryClient(channel, new AbortController().signal, 'server:1', () => {}), socket, far };
  }

  it('returns true for a batch on an open connection', async () => {
    const { client, socket } = await connect();
    expect(client.sendBets(BATCH)).to.equal(true);
    await socket.close();
  });

  it('returns false for a batch after the close', async () => {
    const { client, socket } = await connect();
    await socket.close();
    expect(client.sendBets(BATCH)).to.equal(false);
  });

  it('returns false for a batch after the loss of the connection', async () => {
    const { client, far } = await connect();
    far.resetAndDestroy();
    await turns(3);
    expect(client.sendBets(BATCH)).to.equal(false);
  });
});
