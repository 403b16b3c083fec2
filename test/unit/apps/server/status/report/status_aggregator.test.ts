import { expect } from 'chai';
import { ServerActivity } from '../../../../../../apps/server/stats/server_activity';
import {
  MAX_DETAILED_AGENCIES,
  type StatusAggregator,
} from '../../../../../../apps/server/status/report/status_aggregator';
import { createAggregator, MemoryReadings } from '../../../../../support/memory_readings';

describe('the status aggregator', () => {
  let activity: ServerActivity;
  let lottery: MemoryReadings;
  let board: StatusAggregator;
  let now: number;

  beforeEach(() => {
    activity = new ServerActivity();
    lottery = new MemoryReadings(activity);
    board = createAggregator(activity, 4);
    now = Date.now();
    board.tick(new Date(now), lottery.at(now));
  });

  /** Advances the time by a second. */
  const tick = (): void => board.tick(new Date((now += 1000)), lottery.at(now));

  /** Advances the time by a second, without a reading of the store. */
  const tickWithoutReading = (): void => board.tick(new Date((now += 1000)), undefined);

  const store = (agency: number, bets: number): void => lottery.store(agency, bets);

  const states = (): string[] => board.fullReport().agency.map(({ id, state }) => `${id} ${state}`);

  it('reports all agencies of an unused server as absent', () => {
    const { agencies, bets, draw, errors, agency } = board.fullReport();
    expect(agencies).to.deep.equal({ expected: 4, byState: { absent: 4, uploading: 0, finished: 0, winners: 0 } });
    expect(bets).to.deep.equal({ stored: 0, perSecond: 0, curve: [] });
    expect(draw).to.deep.equal({ held: false, number: null, winners: null });
    expect(errors).to.deep.equal({ total: 0, byCode: {} });
    expect(agency).to.deep.equal([]);
  });

  it('follows an agency from its first session to its winners', () => {
    activity.agencyCame(2);
    tick();
    expect(states()).to.deep.equal(['2 uploading']);
    activity.agencyLeft(2);
    tick();
    expect(states()).to.deep.equal(['2 absent']);
    activity.agencyCame(2);
    lottery.finish(2);
    tick();
    expect(states()).to.deep.equal(['2 finished']);
    activity.winnersGiven(2);
    activity.agencyLeft(2);
    tick();
    expect(states()).to.deep.equal(['2 winners']);
    expect(board.summary().agencies.byState).to.deep.equal({ absent: 3, uploading: 0, finished: 0, winners: 1 });
  });

  it('reports an agency as uploading after a superseded session', () => {
    activity.agencyCame(1);
    activity.agencyCame(1);
    activity.agencyLeft(1);
    tick();
    expect(states()).to.deep.equal(['1 uploading']);
  });

  it('reports the rate as a mean of three seconds, and the curve with a value for each second', () => {
    store(1, 300);
    tick();
    store(1, 600);
    tick();
    expect(board.fullReport().agency[0]).to.include({ bets: 900, perSecond: 450 });
    tick();
    tick();
    expect(board.fullReport().agency[0]).to.deep.include({ perSecond: 200, curve: [300, 600, 0, 0] });
    tick();
    expect(board.fullReport().bets).to.deep.equal({ stored: 900, perSecond: 0, curve: [300, 600, 0, 0, 0] });
  });

  it('includes the bets of an earlier run in the number of bets, and not in the rate', () => {
    lottery.storeElsewhere(3, 5000);
    store(3, 10);
    board = createAggregator(activity, 4);
    tick();
    expect(board.fullReport().agency[0]).to.deep.include({ bets: 5010, curve: [10] });
    expect(board.fullReport().bets).to.deep.include({ stored: 5010, curve: [10] });
    expect(states()).to.deep.equal(['3 absent']);
  });

  it('includes the bets of another server in the number, in the rate and in the curve', () => {
    store(1, 10);
    lottery.storeElsewhere(1, 20);
    lottery.storeElsewhere(2, 300);
    tick();
    const { agency, bets } = board.fullReport();
    expect(agency.map(({ id, bets, perSecond, curve }) => ({ id, bets, perSecond, curve }))).to.deep.equal([
      { id: 1, bets: 30, perSecond: 30, curve: [30] },
      { id: 2, bets: 300, perSecond: 300, curve: [300] },
    ]);
    expect(bets).to.deep.include({ stored: 330, curve: [330] });
  });

  it('reports an agency as uploading for ten seconds after bets on another server', () => {
    lottery.storeElsewhere(2, 5);
    for (let second = 0; second < 10; second++) {
      tick();
      expect(states()).to.deep.equal(['2 uploading']);
    }
    tick();
    expect(states()).to.deep.equal(['2 absent']);
    lottery.storeElsewhere(2, 5);
    tick();
    expect(states()).to.deep.equal(['2 uploading']);
    lottery.finish(2);
    tick();
    expect(states()).to.deep.equal(['2 finished']);
  });

  it('reports an agency with winners from another server', () => {
    lottery.finish(2);
    tick();
    expect(states()).to.deep.equal(['2 finished']);
    lottery.giveWinnersElsewhere(2);
    tick();
    expect(states()).to.deep.equal(['2 winners']);
  });

  it('reports an agency as absent at once after its session on this server', () => {
    activity.agencyCame(1);
    // The store has a batch before the counters.
    lottery.storeElsewhere(1, 5);
    tick();
    activity.batchStored(1, 5);
    tick();
    store(1, 5);
    activity.agencyLeft(1);
    tick();
    expect(states()).to.deep.equal(['1 absent']);
  });

  it('keeps bets and rate while there is no reading, and spreads a later growth over its seconds', () => {
    store(1, 300);
    tick();
    activity.agencyCame(2);
    store(1, 100);
    tickWithoutReading();
    expect(board.fullReport().agency.map(({ id, bets, state, curve }) => ({ id, bets, state, curve }))).to.deep.equal([
      { id: 1, bets: 300, state: 'absent', curve: [300, 0] },
      { id: 2, bets: 0, state: 'uploading', curve: [] },
    ]);
    store(1, 200);
    tick();
    // 300 bets in the first second, 300 in the next two.
    expect(board.fullReport().agency[0]).to.deep.include({ bets: 600, perSecond: 200, curve: [300, 0, 300] });
  });

  it('keeps three minutes of a curve', () => {
    for (let second = 1; second <= 200; second++) {
      store(1, second);
      tick();
    }
    const expected = Array.from({ length: 180 }, (_, index) => index + 21);
    expect(board.fullReport().bets.curve).to.deep.equal(expected);
    expect(board.fullReport().agency[0]!.curve).to.deep.equal(expected);
  });

  it('reports only changed agencies as changes', () => {
    store(1, 10);
    store(2, 20);
    tick();
    expect(board.changes().agency.map(({ id }) => id)).to.deep.equal([1, 2]);
    for (let second = 0; second < 3; second++) tick();
    tick();
    expect(board.changes().agency).to.deep.equal([]);
    activity.sessionRefused(2, 'bad-bet');
    tick();
    expect(board.changes().agency.map(({ id }) => id)).to.deep.equal([2]);
    expect(board.changes().agency[0]).not.to.have.property('curve');
  });

  it('counts errors by code and by agency, with the last error of each agency', () => {
    activity.sessionRefused(1, 'timeout');
    activity.sessionRefused(1, 'bad-bet');
    activity.sessionRefused(0, 'busy');
    tick();
    expect(board.summary().errors).to.deep.equal({ total: 3, byCode: { timeout: 1, 'bad-bet': 1, busy: 1 } });
    const [agency] = board.fullReport().agency;
    expect(agency).to.include({ id: 1, errors: 2 });
    expect(agency!.lastError!.code).to.equal('bad-bet');
    expect(board.fullReport().agency).to.have.length(1);
  });

  it('reports the servers of the last reading', () => {
    expect(board.summary().server.name).to.equal('server1');
    expect(board.summary().servers).to.deep.equal([]);
    const times = { startedAt: new Date('2026-01-02T03:04:05Z'), seenAt: new Date('2026-01-02T03:14:05.678Z') };
    lottery.servers = [
      { name: 'server1', isAlive: true, ...times, sessions: 3, betsPerSecond: 123.4 },
      { name: 'server2', isAlive: false, ...times, sessions: 0, betsPerSecond: 0 },
    ];
    tick();
    const reported = { startedAt: '2026-01-02T03:04:05.000Z', seenAt: '2026-01-02T03:14:05.678Z' };
    const servers = [
      { name: 'server1', alive: true, ...reported, sessionsOpen: 3, perSecond: 123 },
      { name: 'server2', alive: false, ...reported, sessionsOpen: 0, perSecond: 0 },
    ];
    expect(board.changes().servers).to.deep.equal(servers);
    tickWithoutReading();
    expect(board.changes().servers).to.deep.equal(servers);
  });

  it('reports no database for a store in files', () => {
    expect(board.summary().database).to.equal(null);
  });

  it('reports the database, with the commits of the last three seconds', () => {
    const use = {
      connections: { open: 3, inUse: 1, max: 4 },
      connectionsOpened: 5,
      connectionsLost: 2,
      failovers: 1,
      waits: 6,
      retries: 7,
      unknownOutcomes: 8,
    };
    const before = { ...use, writable: true, readAt: null, commitSeconds: null, standbys: null };
    board = createAggregator(activity, 4, () => use);
    expect(board.summary().database).to.deep.equal(before);

    tickWithoutReading();
    activity.committed({ batches: 1, bytes: 10, milliseconds: 10 });
    activity.committed({ batches: 1, bytes: 10, milliseconds: 30 });
    lottery.standbys = [{ name: 'db2', mode: 'sync', lagSeconds: 0.5, lagBytes: 100 }];
    tick();
    const readAt = new Date(now).toISOString();
    const after = { ...before, readAt, commitSeconds: 0.02, standbys: lottery.standbys };
    expect(board.summary().database).to.deep.equal(after);

    activity.writable(false);
    activity.committed({ batches: 1, bytes: 10, milliseconds: 80 });
    tickWithoutReading();
    expect(board.summary().database).to.deep.equal({ ...after, writable: false, commitSeconds: 0.04 });
    tickWithoutReading();
    tickWithoutReading();
    expect(board.summary().database!.commitSeconds).to.equal(0.08);
    tickWithoutReading();
    expect(board.summary().database!.commitSeconds).to.equal(null);
  });

  it('reports the number and the winners after the draw only', () => {
    store(1, 10);
    store(2, 10);
    tick();
    expect(board.fullReport().agency[0]!.winners).to.equal(null);
    board.setWinners(new Map([[1, 3]]));
    tick();
    expect(board.fullReport().agency.map(({ winners }) => winners)).to.deep.equal([3, 0]);
    expect(board.summary().draw).to.deep.equal({ held: true, number: 7574, winners: 3 });
  });

  it('omits the curves of agencies beyond its limit of detailed ones', () => {
    const many = MAX_DETAILED_AGENCIES + 500;
    board = createAggregator(activity, many);
    for (let agency = 1; agency <= many; agency++) store(agency, 2);
    tick();
    tick();
    const { agency, bets } = board.fullReport();
    expect(bets.stored).to.equal(2 * many);
    expect(agency).to.have.length(many);
    expect(agency.filter(({ curve }) => curve !== undefined)).to.have.length(MAX_DETAILED_AGENCIES);
  });
});
