import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inputFile } from './input_files';
import { Program } from './program';
import { verifyStore } from './stored_bets';

/** A server and agencies: the product's, or the baseline's. */
export interface Contestant {
  readonly server: string;
  readonly client: string;
}

/** What a run has shown. Times are those of `performance.now()`, sizes in bytes. */
export interface LotteryFigures {
  /** From the start of the first process to the end of the last agency, which has its winners. */
  readonly wholeMs: number;
  /** From the first agency's connection to the last one's last acknowledged bet. */
  readonly uploadMs: number;
  /** From the last agency's finish to the last agency's winners. */
  readonly drawMs: number;
  readonly serverPeak: number;
  readonly agencyPeak: number;
}

const AGENCIES = 5;
const WINNING_NUMBER = 7574;
const SAMPLING_MS = 50;

/** @param settings further settings of the server and the agencies. */
export interface LotteryRequest {
  readonly contestant: Contestant;
  readonly input: string;
  readonly directory: string;
  readonly settings?: Record<string, string>;
  /**
   * Takes part as agency 6, in this process: finishes once the others have uploaded their bets, and returns when it did.
   * `drawn`: the others have their winners.
   */
  readonly sixthAgency?: (port: number, uploaded: Promise<unknown>, drawn: Promise<unknown>) => Promise<number>;
}

/**
 * Runs a whole lottery, all processes started at once, and verifies that the store holds each agency's bets once and in
 * order, and that each agency was told of as many winners as its file has.
 */
export async function runLottery(request: LotteryRequest): Promise<LotteryFigures> {
  const { contestant, input, directory, settings = {} } = request;
  const store = join(directory, 'store');
  rmSync(store, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const agencies = request.sixthAgency === undefined ? AGENCIES : AGENCIES + 1;

  const serverSettings = {
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: String(port),
    SERVER_AGENCIES: String(agencies),
    SERVER_DATA_DIR: store,
    SERVER_WINNING_NUMBER: String(WINNING_NUMBER),
  };
  const server = new Program(contestant.server, { ...serverSettings, ...settings }, join(directory, 'server.log'));
  const clients = Array.from({ length: AGENCIES }, (_, index) => {
    const id = index + 1;
    const clientSettings = {
      CLI_ID: String(id),
      CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
      CLI_DATA_FILE: inputFile(input, id),
    };
    return new Program(contestant.client, { ...clientSettings, ...settings });
  });
  const serverPeak = watchPeak([server]);
  const agencyPeak = watchPeak(clients);
  const began = Promise.all(clients.map((client) => client.saw('action: upload | result: in_progress')));
  const uploaded = Promise.all(clients.map((client) => client.saw('action: upload | result: success')));
  const informed = Promise.all(clients.map((client) => client.saw('action: consulta_ganadores')));
  const finishedLastAt = await request.sixthAgency?.(port, uploaded, informed);
  const endedAt = Math.max(...(await Promise.all(clients.map((client) => client.requireSuccess()))));
  const [beganAt, uploadedAt, informedAt] = await Promise.all([began, uploaded, informed]);
  const peaks = { serverPeak: serverPeak(), agencyPeak: agencyPeak() };
  await server.stop();

  const winners = verifyStore(join(store, 'bets.csv'), input, AGENCIES, WINNING_NUMBER);
  for (const [index, client] of clients.entries()) {
    const told = client.field('consulta_ganadores', 'cant_ganadores');
    if (told !== String(winners[index + 1])) throw new Error(`agency ${index + 1} was told of ${told} winners`);
  }
  return {
    wholeMs: endedAt - server.startedAt,
    uploadMs: Math.max(...uploadedAt) - Math.min(...beganAt),
    drawMs: Math.max(...informedAt) - (finishedLastAt ?? Math.max(...uploadedAt)),
    ...peaks,
  };
}

/** A port that nobody listens on now. All processes are started at once, so that none can tell another its port. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Follows the peak of the resident memory, as long as there is something to be read; returns how to end that. */
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
