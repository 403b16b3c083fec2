/* eslint-disable no-console -- a program whose output is its purpose */
import { cpus } from 'node:os';
import { type Case, casesOf } from './cases';
import { groups } from './contenders/index';
import { type Cost, Pair, type Placement } from './pair';
import { median, percentile } from '../statistics';

/**
 * Compares the contenders with the reference. Each contender has its own two processes. Each round runs a case with
 * all contenders in turn, so other load on the machine affects all alike. A ratio compares two runs of the same round.
 * After some rounds all processes are started anew: the memory layout changes the speed by ten per cent and more.
 *
 * BENCH_GROUPS: the groups of contenders, `tlv,lines` for instance (all). BENCH_STARTS: the number of starts (6).
 * BENCH_ROUNDS: rounds for each start (5). BENCH_RUN_MS: the time of a run of the reference (100). BENCH_CPUS: the CPU of
 * the servers and that of the clients (0,0), or `any`.
 *
 * Server and client share a CPU, so their work alone determines the speed. On two CPUs, a message may have to wake an
 * idle CPU. In a virtual machine this costs several times as much as the message.
 */
const GROUPS = process.env.BENCH_GROUPS?.split(',') ?? Object.keys(groups);
const STARTS = Number(process.env.BENCH_STARTS ?? 6);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const RUN_MS = Number(process.env.BENCH_RUN_MS ?? 100);
const CPUS = process.env.BENCH_CPUS ?? '0,0';
const PLACEMENT: Placement = CPUS === 'any' ? undefined : (CPUS.split(',').map(Number) as [number, number]);

/** The messages before a measurement, for the compilation of all code. With fewer, larger programs appear too slow. */
const WARM_UP_MESSAGES = 60_000;

/** The costs of each contender, in the order of the rounds. */
type Costs = ReadonlyMap<string, Cost[]>;

async function main(): Promise<void> {
  const machine = `Node ${process.version}, ${cpus().length} CPUs, servers and clients on ${CPUS}`;
  console.log(`${STARTS} starts of ${ROUNDS} rounds of ${RUN_MS} ms, ${machine}`);
  for (const group of GROUPS) await compare(group);
}

async function compare(group: string): Promise<void> {
  if (groups[group] === undefined) throw new Error(`no group ${group} among ${Object.keys(groups).join(', ')}`);
  const names = Object.keys(groups[group]);
  const results = new Map<Case, Costs>(casesOf(group).map((each) => [each, new Map(names.map((name) => [name, []]))]));
  for (let start = 0; start < STARTS; start++) await runOnce(names, results);
  console.log(`\nRatios to ${names[0]}: median (quartiles)`);
  for (const [each, costs] of results) report(each, costs);
}

async function runOnce(names: readonly string[], results: ReadonlyMap<Case, Costs>): Promise<void> {
  const pairs = new Map<string, Pair>();
  for (const name of names) pairs.set(name, await Pair.start(name, PLACEMENT));
  for (const [each, costs] of results) await measure(each, pairs, costs);
  for (const pair of pairs.values()) pair.stop();
}

async function measure(each: Case, pairs: ReadonlyMap<string, Pair>, costs: Costs): Promise<void> {
  const names = [...pairs.keys()];
  for (const pair of pairs.values()) await pair.run(each, WARM_UP_MESSAGES);
  const count = await calibrate(each, pairs.get(names[0]!)!);
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!;
      costs.get(name)!.push(await pairs.get(name)!.run(each, count));
    }
  }
}

/** The number of messages in a run, from the speed of the reference. */
async function calibrate(each: Case, pair: Pair): Promise<number> {
  const { messagesPerSecond } = await pair.run(each, 5000);
  return Math.max(500, Math.round((messagesPerSecond * RUN_MS) / 1000));
}

function report(each: Case, costs: Costs): void {
  console.log(`\n${each.name}`);
  console.log('                         messages/s   ratio                  CPU µs/message   ratio');
  const base = [...costs.values()][0]!;
  for (const [name, own] of costs) {
    const speeds = own.map((cost) => cost.messagesPerSecond);
    const times = own.map((cost) => cost.cpuMicroseconds);
    const speedRatios = own.map((cost, round) => cost.messagesPerSecond / base[round]!.messagesPerSecond);
    const timeRatios = own.map((cost, round) => cost.cpuMicroseconds / base[round]!.cpuMicroseconds);
    console.log(
      [
        name.padEnd(23),
        median(speeds).toFixed(0).padStart(10),
        `  ${spread(speedRatios)}`.padEnd(24),
        median(times).toFixed(1).padStart(14),
        `  ${spread(timeRatios)}`,
      ].join(' '),
    );
  }
}

function spread(ratios: readonly number[]): string {
  const [low, middle, high] = [percentile(ratios, 0.25), median(ratios), percentile(ratios, 0.75)];
  return `${middle.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

void main();
