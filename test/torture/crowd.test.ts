import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { generateBets } from '../support/generated_bets';
import { message, WireClient } from '../support/wire_client';
import { Campaign, IS_FULL, sized } from './support/campaign';
import { ConnectionCrowd, startCrowdServer } from './support/connection_crowd';
import { DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireComplete } from './support/oracle';
import { FinalAnswerError, RecordingAgency } from './support/recording_agency';
import { dialPort, ServerProcess } from './support/server_process';

/** The minimum ratio of a normal agency's speed in a crowd to its speed alone. Short runs only print the ratio. */
const LEAST_SPEED = IS_FULL ? 0.8 : 0;

/** The minimum number of short connections in a second. Short runs only print the number. */
const LEAST_CONNECTIONS = IS_FULL ? 1000 : 0;

describe('torture: many and slow connections', function () {
  this.timeout(sized(60_000, 600_000));
  let directory: string;
  const crowd = new ConnectionCrowd();

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'crowd-'));
  });

  afterEach(async () => {
    crowd.disperse();
    await ServerProcess.killAll();
    await rm(directory, { recursive: true, force: true });
  });

  async function requireGoodEnd(server: ServerProcess): Promise<void> {
    const { code } = await server.stop('SIGTERM');
    expect(code, server.output.split('\n').slice(-10).join('\n')).to.equal(0);
  }

  const normalAgency = (id: number, bets: number): RecordingAgency =>
    new RecordingAgency({
      id,
      bets: generateBets(id, bets),
      betsPerBatch: 100,
      window: 32,
      beforeRetry: () => delay(50),
    });

  /** Uploads an agency's bets. Returns the number of acknowledged bets per second. */
  async function speedOf(agency: RecordingAgency, port: number): Promise<number> {
    const begun = performance.now();
    let ms = 0;
    agency.onAcknowledged = () => {
      if (agency.hasFinished && ms === 0) ms = performance.now() - begun;
    };
    const session = agency.converse(() => dialPort(port));
    while (!agency.hasFinished) await Promise.race([delay(1), session]);
    session.catch(() => {});
    return (agency.bets.length / ms) * 1000;
  }

  async function requireSpeed(
    campaign: Campaign,
    name: string,
    gatherCrowd: (port: number) => Promise<void>,
  ): Promise<void> {
    const server = startCrowdServer(directory);
    const port = await server.listening;
    const agencies: RecordingAgency[] = [];
    const measure = async (): Promise<number> => {
      const agency = normalAgency(agencies.length + 1, sized(10_000, 60_000));
      agencies.push(agency);
      return speedOf(agency, port);
    };
    await measure();
    // In turns, so other load of the machine affects both. The maximum of each is the least disturbed one.
    const speeds: { alone: number; crowded: number }[] = [];
    for (let round = 0; round < sized(2, 8); round++) {
      crowd.disperse();
      const alone = await measure();
      await gatherCrowd(port);
      speeds.push({ alone, crowded: await measure() });
    }
    const alone = Math.max(...speeds.map((speed) => speed.alone));
    const crowded = Math.max(...speeds.map((speed) => speed.crowded));
    campaign.note(
      `${name}: ${Math.round(crowded)} bets/s, ${Math.round((crowded / alone) * 100)} % of ${Math.round(alone)} alone`,
    );
    expect(crowded / alone).to.be.at.least(LEAST_SPEED);
    expect(crowd.sockets.filter((socket) => socket.closed).length, 'closed connections of the crowd').to.equal(0);
    await requireGoodEnd(server);
    requireComplete(await readFile(join(directory, 'bets.csv')), agencies);
  }

  const speeds = new Campaign('a normal agency among slow and idle connections');

  it('do not slow down a normal agency: thousands of idle connections', async () => {
    await speeds.run('idle', async () => {
      const count = sized(1000, 8000);
      await requireSpeed(speeds, `${count} idle`, (port) => crowd.gather(port, count));
    });
  });

  it('do not slow down a normal agency: connections with a byte a second', async () => {
    let trickle: NodeJS.Timeout | undefined;
    await speeds.run('trickling', async () => {
      const count = sized(300, 1000);
      const bytes = message('B', '1,Ana,Paz,1,1999-03-17,7');
      let second = 0;
      await requireSpeed(speeds, `${count} sending a byte a second`, async (port) => {
        await crowd.gather(port, count);
        clearInterval(trickle);
        second = 0;
        trickle = setInterval(() => {
          for (const socket of crowd.sockets) socket.write(bytes.subarray(second, second + 1));
          second++;
        }, 1000);
      });
    });
    clearInterval(trickle);
  });

  const rush = new Campaign('simultaneous agencies');

  it('are queued up to the limit of the kernel while the server accepts none', async () => {
    await rush.run('all at once', async () => {
      const server = startCrowdServer(directory);
      const port = await server.listening;
      const count = Math.min(4096, Number(await readFile('/proc/sys/net/core/somaxconn', 'utf8')));
      server.child.kill('SIGSTOP');
      await crowd.gather(port, count);
      server.child.kill('SIGCONT');
      await Promise.all(crowd.sockets.map((socket, index) => ask(socket, index)));
      rush.note(`${count} connected to a stopped server`);
      await requireGoodEnd(server);
    });
  });

  /** Identifies as one of the first agencies, and waits for the answer. */
  async function ask(socket: Socket, index: number): Promise<void> {
    socket.write(message('N', String((index % 100) + 1)));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer)).to.match(/^[OE]/);
  }

  const overload = new Campaign('connections without a reader, beyond the limit, or of short duration');

  it('are reset if they do not read their answers', async () => {
    await overload.run('unread', async () => {
      const settings = { SERVER_MESSAGE_TIMEOUT_MS: '300' };
      const server = new MemoryLottery({ directory: new DiskModel(), agencies: 2, settings, capacityBytes: 4096 });
      const stream = await server.dial();
      stream.pause();
      const lost = new Promise<Error>((resolve) => stream.on('error', resolve));
      stream.write(message('N', '1'));
      const asking = Buffer.concat(Array.from({ length: 2_000 }, () => message('A')));
      stream.write(asking);
      expect(await lost).to.have.property('code', 'ECONNRESET');
      const again = await server.dial();
      again.write(message('N', '1'));
      expect(String(await once(again, 'data'))).to.match(/^O.*0$/s);
      expect(await server.stop()).to.equal(0);
    });
  });

  // The buffers of the kernel hold a list of some MB, so fewer or shorter lists prove nothing.
  const itWhenFull = IS_FULL ? it : (): void => {};
  itWhenFull('keep no unread list of winners in the memory of the server', async () => {
    await overload.run('winners', async () => {
      const server = startCrowdServer(directory, { SERVER_AGENCIES: '1' });
      const port = await server.listening;
      const agency = new RecordingAgency({
        id: 1,
        bets: generateBets(1, 400_000, 1),
        betsPerBatch: 100,
        window: 32,
        beforeRetry: () => delay(50),
      });
      await agency.run(() => dialPort(port));
      expect(agency.winners).to.deep.equal(agency.bets.map((bet) => bet[2]));
      const before = await peakMemory(server);
      const sessions = 150;
      for (let number = 0; number < sessions; number++) {
        const socket = await dialPort(port);
        crowd.sockets.push(socket);
        socket.on('error', () => {});
        const answers = message('O', String(agency.bets.length)).length + message('R').length;
        socket.write(Buffer.concat([message('N', '1'), message('A')]));
        for (let read = 0; read < answers;) read += ((await once(socket, 'data')) as [Buffer])[0].length;
        socket.pause();
        socket.write(message('N', '1'));
        await once(socket, 'readable');
      }
      const growth = (await peakMemory(server)) - before;
      overload.note(`${sessions} unread lists of ${agency.bets.length} winners: ${Math.round(growth)} MiB`);
      expect(growth).to.be.below(25);
      await requireGoodEnd(server);
    });
  });

  /** The peak of the resident memory of the server, in MiB. */
  async function peakMemory({ child }: ServerProcess): Promise<number> {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
  }

  it('are answered busy beyond SERVER_MAX_SESSIONS, and accepted again below it', async () => {
    await overload.run('beyond the limit', async () => {
      const server = startCrowdServer(directory, { SERVER_MAX_SESSIONS: '10' });
      const port = await server.listening;
      const clients = await Promise.all(Array.from({ length: 10 }, () => WireClient.connect(port)));
      for (const [index, client] of clients.entries()) expect(await client.ask('N', String(index + 1))).to.equal('O 0');
      for (let late = 0; late < sized(200, 2000); late++) {
        const client = await WireClient.connect(port);
        expect(await client.next()).to.match(/^E busy: /);
        client.destroy();
      }
      clients[3]!.destroy();
      const agency = normalAgency(50, 1000);
      while (!agency.hasFinished)
        await speedOf(agency, port).catch((error: Error) => {
          if (error instanceof FinalAnswerError) throw error;
        });
      for (const client of clients) client.destroy();
      await requireGoodEnd(server);
    });
  });

  it('do not disturb a normal agency: thousands of short connections', async () => {
    await overload.run('short', async () => {
      const server = startCrowdServer(directory);
      const port = await server.listening;
      const agency = normalAgency(1, sized(20_000, 200_000));
      let isOver = false;
      const upload = speedOf(agency, port).finally(() => (isOver = true));
      let dropped = 0;
      const begun = performance.now();
      while (!isOver || dropped < sized(1000, 20_000)) {
        await Promise.all(
          Array.from({ length: 50 }, async () => {
            const socket = await dialPort(port);
            socket.on('error', () => {});
            if (dropped++ % 3 === 0) socket.write(message('N', '7').subarray(0, dropped % 8));
            if (dropped % 2 === 0) socket.resetAndDestroy();
            else socket.destroy();
          }),
        );
      }
      const perSecond = Math.round((dropped / (performance.now() - begun)) * 1000);
      overload.note(
        `${dropped} connections opened and dropped, ${perSecond} a second, beside ${Math.round(await upload)} bets/s`,
      );
      expect(perSecond).to.be.at.least(LEAST_CONNECTIONS);
      await requireGoodEnd(server);
      requireComplete(await readFile(join(directory, 'bets.csv')), [agency]);
    });
  });
});
