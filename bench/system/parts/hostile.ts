import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HostileAddress, type HostileCounts } from '../../../test/torture/support/hostile_address';
import { WireClient } from '../../../test/support/wire_client';
import { median, pairedRatio, spread } from '../../statistics';
import { findFreePort } from '../../../tools/free_port';
import { identityOf, makeCertificates, type TlsSettings } from '../certificates';
import { COURSE_BETS, inputFile, makeInputFiles } from '../input_files';
import { type Part, type PartContext } from '../part';
import { type Command, commandOf, type Program, PROGRAMS } from '../program';
import { start, startTogether } from '../shell_start';
import { verifyStore } from '../stored_bets';

const AGENCIES = 5;
const HOSTILE = [6, 7] as const;
const HOSTILE_HOST = '127.0.0.2';
const WINNING_NUMBER = '7574';
/** The attack is in full swing, with the burst of its limits used up. */
const WARM_UP_MS = 3_000;
const ALONE_MS = 3_000;
/** An upload takes a fifth of a second, so single ratios scatter. */
const ROUNDS_EACH = 3;

/** The values for production of docs/security.md: each agency has an address of its own. */
const LIMITS = {
  SERVER_ADDRESS_SESSIONS: '10',
  SERVER_ADDRESS_CONNECTS_PER_SECOND: '5',
  SERVER_ADDRESS_CONNECT_BURST: '20',
  SERVER_ADDRESS_REFUSALS_PER_MINUTE: '20',
  SERVER_ADDRESS_BYTES_PER_SECOND: '2000000',
  SERVER_ADDRESS_MESSAGES_PER_SECOND: '1000',
};

/**
 * The speed of five agencies beside an address that attacks in all ways at once, against their speed without it. The attacker
 * has the lowest priority, because it shares the processors here; its cost for the server is measured without that.
 */
export const hostile: Part = {
  name: 'hostile',
  about: '78,697 bets of five agencies beside a hostile address (lowest priority: it shares the processors)',
  async run(context) {
    await measure(context, 'plain', undefined);
    await measure(context, 'TLS', await makeCertificates(context.directory, HOSTILE[1]));
  },
};

interface Figures {
  readonly alone: number[];
  readonly attacked: number[];
  readonly counts: HostileCounts[];
}

async function measure(context: PartContext, name: string, tls: TlsSettings | undefined) {
  const input = makeInputFiles(context.directory, COURSE_BETS);
  const figures: Figures = { alone: [], attacked: [], counts: [] };
  for (let round = 0; round <= context.rounds * ROUNDS_EACH; round++) {
    const alone = await uploadMs(context, input, tls, undefined);
    const counts: HostileCounts[] = [];
    const attacked = await uploadMs(context, input, tls, (each) => counts.push(each));
    // The first round fills the page cache.
    if (round === 0) continue;
    figures.alone.push(alone);
    figures.attacked.push(attacked);
    figures.counts.push(...counts);
  }
  const share = await serverShare(context, tls);
  const { print } = context;
  print(`${name}: upload alone`, spread(figures.alone, 'ms', 0));
  print(`${name}: upload beside the attack`, spread(figures.attacked, 'ms', 0));
  print(`${name}: speed beside the attack / alone`, `${pairedRatio(figures.alone, figures.attacked)}   to reach: 0.8`);
  print(`${name}: attempts of the attack, each round`, describeCounts(figures.counts));
  print(`${name}: server’s processor time for the attack alone`, `${(100 * share).toFixed(0)} % of a processor`);
}

function describeCounts(rounds: readonly HostileCounts[]): string {
  const kinds = Object.keys(rounds[0]!) as (keyof HostileCounts)[];
  return kinds.map((kind) => `${kind} ${median(rounds.map((counts) => counts[kind])).toFixed(0)}`).join(', ');
}

interface Started {
  readonly server: Program;
  readonly port: number;
  readonly store: string;
}

async function startServer({ directory }: PartContext, tls: TlsSettings = {}): Promise<Started> {
  const run = join(directory, 'run');
  const store = join(run, 'store');
  rmSync(run, { recursive: true, force: true });
  mkdirSync(run, { recursive: true });
  const port = await findFreePort();
  const settings = {
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: String(port),
    SERVER_AGENCIES: String(HOSTILE[1]),
    SERVER_WINNING_NUMBER: WINNING_NUMBER,
    SERVER_DATA_DIR: store,
    ...LIMITS,
    ...tls,
  };
  const server = await start(commandOf(PROGRAMS.server, settings));
  await server.timeOfLine('action: listen | result: success');
  return { server, port, store };
}

/** Begins the attack, and waits until the limits hold it. */
async function attack(
  { directory }: PartContext,
  port: number,
  tls: TlsSettings | undefined,
  isLast: boolean,
): Promise<HostileAddress> {
  const certificates = tls === undefined ? undefined : { certificates: join(directory, 'certificates') };
  const options = { program: PROGRAMS.hostile, isLast, ...certificates };
  const hostileAddress = await HostileAddress.begin(port, HOSTILE_HOST, HOSTILE, options);
  await delay(WARM_UP_MS);
  return hostileAddress;
}

/**
 * The time of the upload of five agencies, each with an address of its own.
 *
 * @param onAttacked receives the counts of the attack; without it there is none.
 * @throws Error the store or a number of winners is wrong, or a process failed.
 */
async function uploadMs(
  context: PartContext,
  input: string,
  tls: TlsSettings | undefined,
  onAttacked: ((counts: HostileCounts) => void) | undefined,
): Promise<number> {
  const { server, port, store } = await startServer(context, tls);
  const attacker = onAttacked === undefined ? undefined : await attack(context, port, tls, true);
  const commands = Array.from({ length: AGENCIES }, (_, index) => agencyCommand(port, input, index + 1, tls));
  const { programs: clients } = await startTogether(commands);
  const began = Promise.all(clients.map((client) => client.timeOfLine('action: upload | result: in_progress')));
  const uploaded = Promise.all(clients.map((client) => client.timeOfLine('action: upload | result: success')));
  const milliseconds = Math.max(...(await uploaded)) - Math.min(...(await began));
  if (attacker !== undefined) onAttacked?.(await attacker.end());
  for (const agency of HOSTILE) await finish(context, port, agency, tls);
  await Promise.all(clients.map((client) => client.requireSuccess()));
  await server.stop();
  const winners = verifyStore(join(store, 'bets.csv'), input, AGENCIES, Number(WINNING_NUMBER));
  for (const [index, client] of clients.entries()) {
    const received = client.field('consulta_ganadores', 'cant_ganadores');
    if (received !== String(winners[index + 1])) throw new Error(`agency ${index + 1} received ${received} winners`);
  }
  return milliseconds;
}

function agencyCommand(port: number, input: string, id: number, tls: TlsSettings = {}): Command {
  const settings = {
    CLI_ID: String(id),
    CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
    CLI_DATA_FILE: inputFile(input, id),
    BENCH_LOCAL_ADDRESS: `127.0.1.${id}`,
  };
  return commandOf(PROGRAMS.client, { ...settings, ...tls }, undefined, ['-r', PROGRAMS.localAddress]);
}

/** Finishes as a hostile agency, so that there is a draw. */
async function finish(
  { directory }: PartContext,
  port: number,
  agency: number,
  tls: TlsSettings | undefined,
): Promise<void> {
  const client = await (tls === undefined
    ? WireClient.connect(port)
    : WireClient.connectTls(port, identityOf(directory, agency)));
  const responses = [await client.ask('N', String(agency)), await client.ask('F')];
  client.destroy();
  const refused = responses.find((response) => !response.startsWith('O'));
  if (refused !== undefined) throw new Error(`agency ${agency} could not finish: ${refused}`);
}

/** The share of a processor that the server uses for the attack, with no other agency. */
async function serverShare(context: PartContext, tls: TlsSettings | undefined): Promise<number> {
  const { server, port } = await startServer(context, tls);
  const attacker = await attack(context, port, tls, false);
  const [before, begun] = [server.cpuMs(), performance.now()];
  await delay(ALONE_MS);
  const share = (server.cpuMs() - before) / (performance.now() - begun);
  await attacker.end();
  await server.stop();
  return share;
}
