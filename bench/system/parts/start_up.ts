import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { pairedRatio, spread } from '../../statistics';
import { type Part } from '../part';
import { commandOf, PROGRAMS } from '../program';
import { start } from '../shell_start';

const ROUNDS_EACH = 3;

/** The times until a server listens and until an agency connects, each alone, compared with an empty process. */
export const startUp: Part = {
  name: 'start-up',
  about: 'from the start of a process until the server listens, until the agency has connected',
  async run({ directory, rounds, print }) {
    const empty: number[] = [];
    const server: number[] = [];
    const agency: number[] = [];
    for (let round = 0; round < rounds * ROUNDS_EACH; round++) {
      empty.push(await runEmptyProcess());
      server.push(await startServer(join(directory, 'run')));
      agency.push(await startAgency(join(directory, 'empty.csv')));
    }
    print('empty process, start to end', spread(empty, 'ms', 1));
    print('server listens', spread(server, 'ms', 1));
    print('agency has connected', spread(agency, 'ms', 1));
    print('server / empty process', `${pairedRatio(server, empty)}   to reach: 1.25`);
    print('agency / empty process', `${pairedRatio(agency, empty)}   to reach: 1.10`);
  },
};

async function runEmptyProcess(): Promise<number> {
  const program = await start(commandOf(PROGRAMS.empty));
  return (await program.requireSuccess()) - program.startedAt;
}

async function startServer(directory: string): Promise<number> {
  rmSync(directory, { recursive: true, force: true });
  const settings = { SERVER_IP: '127.0.0.1', SERVER_PORT: '0', SERVER_DATA_DIR: join(directory, 'store') };
  const program = await start(commandOf(PROGRAMS.server, settings));
  const listensAt = await program.timeOfLine('action: listen | result: success');
  await program.stop();
  return listensAt - program.startedAt;
}

async function startAgency(file: string): Promise<number> {
  writeFileSync(file, '');
  const server = createServer();
  const connected = new Promise<number>((resolve) => {
    server.on('connection', (socket) => {
      resolve(performance.now());
      socket.on('error', () => {}).resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const settings = { CLI_SERVER_ADDRESS: `127.0.0.1:${port}`, CLI_RETRY_LIMIT_MS: '0', CLI_DATA_FILE: file };
  const program = await start(commandOf(PROGRAMS.client, settings));
  const failed = program.ended.then(({ code }) => Promise.reject(new Error(`the agency ended (${code}) too early`)));
  const connectedAt = await Promise.race([connected, failed]);
  await program.ended;
  server.close();
  return connectedAt - program.startedAt;
}
