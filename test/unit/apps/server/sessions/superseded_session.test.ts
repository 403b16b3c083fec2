import { expect } from 'chai';
import { FramedSocket } from '../../../../../lib/index';
import { connectedPair } from '../../../../../lib/testing/index';
import { createAgencyCodec, createServerCodec, type LotteryMessage } from '../../../../../apps/protocol/messages';
import { AgencySession } from '../../../../../apps/server/sessions/agency_session';
import { createMemoryLottery, type MemoryLottery } from '../../../../support/memory_lottery';
import { message } from '../../../../support/wire_client';

const LIMITS = { messageTimeoutMs: 10_000, idleTimeoutMs: 60_000, longPollMs: 1_000 };
const BET = '1,Ana,Paz,1,1999-03-17,42';

describe('a session whose agency another server has claimed', () => {
  let lottery: MemoryLottery;
  let agency: FramedSocket<LotteryMessage>;
  let session: AgencySession;
  let ended: Promise<unknown>;

  beforeEach(async () => {
    lottery = createMemoryLottery();
    const [near, far] = connectedPair();
    session = new AgencySession(new FramedSocket(near, createServerCodec()), lottery, LIMITS);
    agency = new FramedSocket(far, createAgencyCodec());
    ended = session.run();
    void far.sendAll(message('N', '1'));
    expect(await next()).to.equal('O 0');
  });

  afterEach(async () => {
    await Promise.all([session.cut(), agency.close()]);
    await ended;
  });

  async function next(): Promise<string> {
    const received = await agency.receive();
    return received === null ? 'end' : `${received.type} ${Buffer.from(received.value).toString('utf8')}`;
  }

  it('stores nothing more and ends with superseded', async () => {
    await lottery.bets.claim(1);
    void agency.socket.sendAll(message('B', BET));
    expect(await next()).to.match(/^E superseded: /);
    expect(await next()).to.equal('end');
    expect(lottery.bets.rows).to.deep.equal([]);
  });

  it('ends with superseded in its silence too', async () => {
    lottery.registry.supersede(session.claim!);
    expect(await next()).to.match(/^E superseded: /);
    expect(await next()).to.equal('end');
  });
});
