import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { BusyCores } from '../support/busy_cores';
import { Campaign, sized } from './support/campaign';
import { ConnectionCrowd, startCrowdServer } from './support/connection_crowd';
import { ServerProcess } from './support/server_process';

/** The server's default limit. */
const SILENT_SESSIONS = 10_000;

describe('torture: a stop with a crowd of sessions', function () {
  this.timeout(sized(60_000, 600_000));
  const crowd = new ConnectionCrowd();
  const stops = new Campaign('silent sessions at the stop of their server');
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'crowd-'));
  });

  afterEach(async () => {
    crowd.disperse();
    await ServerProcess.killAll();
    await rm(directory, { recursive: true, force: true });
  });

  it('ends within 2 s: silent sessions, with every core busy', async () => {
    await stops.run('a stop', async () => {
      const server = startCrowdServer(directory);
      const port = await server.listening;
      await crowd.gather(port, SILENT_SESSIONS);
      await whenAccepted(server, SILENT_SESSIONS);
      for (const socket of crowd.sockets) socket.pause();
      const cores = await BusyCores.start();
      const begun = performance.now();
      const exited = once(server.child, 'exit').then(() => performance.now() - begun);
      expect(await server.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
      await cores.stop();
      const ms = await exited;
      stops.note(`a stop with ${SILENT_SESSIONS} silent sessions beside busy cores: ${Math.round(ms)} ms`);
      const closed = server.lines.filter((line) => /action: close_session \| result: success/.test(line));
      expect(closed).to.have.lengthOf(SILENT_SESSIONS);
      expect(server.lines.at(-1)).to.match(/action: exit \| result: success$/);
      expect(ms).to.be.below(2000);
    });
  });

  async function whenAccepted(server: ServerProcess, count: number): Promise<void> {
    const isAccepted = (line: string): boolean => line.includes('action: accept_connections | result: success');
    while (server.lines.filter(isAccepted).length < count) await delay(10);
  }
});
