import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../tools/free_port';
import { inputFile } from './input_files';
import { commandOf, type Program } from './program';
import { startTogether } from './shell_start';
import { verifyStore } from './stored_bets';

/** The programs of one implementation. */
export interface Contestant {
  readonly server: string;
  readonly client: string;
}

/** The figures of a run: times in milliseconds, sizes in bytes. */
export interface LotteryFigures {
  /** From the start of the first process to the end of the last agency. */
  readonly wholeMs: number;
  /** The processor time of all processes, in steps of 10 ms. */
  readonly cpuMs: number;
  /** From the first agency's connection to the last one's last acknowledged bet. */
  readonly uploadMs: number;
  /** From the last agency's finish to the last agency's winners. */
  readonly drawMs: number;
  /** The peak of the server's resident memory. */
  readonly serverPeak: number;
  /** The peak of the largest agency's resident memory. */
  readonly agencyPeak: number;
}

const AGENCIES = 5;
const WINNING_NUMBER = 7574;
const SAMPLING_MS = 50;

export interface LotteryRequest {
  readonly contestant: Contestant;
  /** The directory of the agencies' files. */
  readonly input: string;
  /** The directory of the store and the server's log. */
  readonly directory: string;
  /** Further settings of the server and the agencies. */
  readonly settings?: Record<string, string>;
  /** The path of the stored bets after the end of the server, in the form of bets.csv. By default the file store's. */
  readonly storedBets?: () => string;
  /**
   * Runs agency 6 in this process. It sends its finish after `uploaded`, the uploads of the others, and resolves with
   * the time of that finish. `drawn` resolves when the others have their winners.
   */
  readonly sixthAgency?: (port: number, uploaded: Promise<unknown>, drawn: Promise<unknown>) => Promise<number>;
}

/**
 * Runs a whole lottery, with all processes started at once. Afterwards it verifies the store (each agency's bets once
 * and in order) and the number of winners of each agency.
 *
 * @throws Error the store or a number of winners is wrong, or a process failed.
 */
export async function runLottery(request: LotteryRequest): Promise<LotteryFigures> {
  const { contestant, input, directory, settings = {} } = request;
  const store = join(directory, 'store');
  rmSync(store, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  // All processes start at once, so the server cannot choose a port and report it to the clients.
  const port = await findFreePort();
  const agencies = request.sixthAgency === undefined ? AGENCIES : AGENCIES + 1;

  const serverSettings = {
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: String(port),
    SERVER_AGENCIES: String(agencies),
    SERVER_DATA_DIR: store,
    SERVER_WINNING_NUMBER: String(WINNING_NUMBER),
  };
  const serverLog = join(directory, 'server.log');
  const serverCommand = commandOf(contestant.server, { ...serverSettings, ...settings }, serverLog);
  const clientCommands = Array.from({ length: AGENCIES }, (_, index) => {
    const id = index + 1;
    const clientSettings = {
      CLI_ID: String(id),
      CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
      CLI_DATA_FILE: inputFile(input, id),
    };
    return commandOf(contestant.client, { ...clientSettings, ...settings });
  });
  const { programs, cpuMs } = await startTogether([serverCommand, ...clientCommands]);
  const [server, ...clients] = programs as [Program, ...Program[]];
  const serverPeak = watchPeak([server]);
  const agencyPeak = watchPeak(clients);
  const began = Promise.all(clients.map((client) => client.timeOfLine('action: upload | result: in_progress')));
  const uploaded = Promise.all(clients.map((client) => client.timeOfLine('action: upload | result: success')));
  const informed = Promise.all(clients.map((client) => client.timeOfLine('action: consulta_ganadores')));
  const finishedLastAt = await request.sixthAgency?.(port, uploaded, informed);
  const endedAt = Math.max(...(await Promise.all(clients.map((client) => client.requireSuccess()))));
  const [beganAt, uploadedAt, informedAt] = await Promise.all([began, uploaded, informed]);
  const peaks = { serverPeak: serverPeak(), agencyPeak: agencyPeak() };
  await server.stop();

  const storedBets = request.storedBets?.() ?? join(store, 'bets.csv');
  const winners = verifyStore(storedBets, input, AGENCIES, WINNING_NUMBER);
  for (const [index, client] of clients.entries()) {
    const received = client.field('consulta_ganadores', 'cant_ganadores');
    const expected = winners[index + 1];
    if (received !== String(expected)) {
      throw new Error(`agency ${index + 1} received ${received} winners, and its file has ${expected}`);
    }
  }
  return {
    wholeMs: endedAt - server.startedAt,
    cpuMs: await cpuMs,
    uploadMs: Math.max(...uploadedAt) - Math.min(...beganAt),
    drawMs: Math.max(...informedAt) - (finishedLastAt ?? Math.max(...uploadedAt)),
    ...peaks,
  };
}

/** Samples the peak of the resident memory of the programs. The returned function ends the sampling with the peak. */
function watchPeak(programs: readonly Program[]): () => number {
  let peak = 0;
  const sample = (): void => {
    for (const program of programs) peak = Math.max(peak, program.memory('VmHWM') ?? 0);
  };
  const timer = setInterval(sample, SAMPLING_MS);
  return () => {
    clearInterval(timer);
    sample();
    return peak;
  };
}
