/* eslint-disable no-console -- a program whose output is its purpose */
import { cpus } from 'node:os';
import { type Case, cases } from './cases';
import { contenders } from './contenders/index';
import { type Cost, Pair } from './pair';
import { median, quantile } from './statistics';

/**
 * Compares contenders with the first of them. Each has its own two processes; in every round each runs the same case
 * once, in turn, so that what else the machine does meets all alike; a ratio is made of two runs of the same round.
 * After some rounds all processes are started anew: how the memory of one happens to lie decides several per cent.
 *
 * BENCH_STARTS: how often the processes are started (4). BENCH_ROUNDS: rounds for each start (6). BENCH_RUN_MS: how long
 * a run of the yardstick takes (200).
 */
const STARTS = Number(process.env.BENCH_STARTS ?? 4);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 6);
const RUN_MS = Number(process.env.BENCH_RUN_MS ?? 200);

const names = Object.keys(contenders);
const yardstick = names[0]!;

/** The costs of each contender, in the order of the rounds. */
type Costs = ReadonlyMap<string, Cost[]>;

async function main(): Promise<void> {
  const results = new Map<Case, Costs>(cases.map((each) => [each, new Map(names.map((name) => [name, []]))]));
  for (let start = 0; start < STARTS; start++) await runOnce(results);
  console.log(`${STARTS} starts of ${ROUNDS} rounds of ${RUN_MS} ms, Node ${process.version}, ${cpus().length} CPUs`);
  console.log(`Ratios to ${yardstick}: median (quartiles)`);
  for (const [each, costs] of results) report(each, costs);
}

async function runOnce(results: ReadonlyMap<Case, Costs>): Promise<void> {
  const pairs = new Map<string, Pair>();
  for (const name of names) pairs.set(name, await Pair.start(name));
  for (const [each, costs] of results) await measure(each, pairs, costs);
  for (const pair of pairs.values()) pair.stop();
}

async function measure(each: Case, pairs: ReadonlyMap<string, Pair>, costs: Costs): Promise<void> {
  const count = await calibrate(each, pairs.get(yardstick)!);
  for (const pair of pairs.values()) await pair.run(each, count);
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!;
      costs.get(name)!.push(await pairs.get(name)!.run(each, count));
    }
  }
}

/** How many messages the yardstick passes in a run, once it is warm. */
async function calibrate(each: Case, pair: Pair): Promise<number> {
  await pair.run(each, 5000);
  const { messagesPerSecond } = await pair.run(each, 5000);
  return Math.max(500, Math.round((messagesPerSecond * RUN_MS) / 1000));
}

function report(each: Case, costs: Costs): void {
  console.log(`\n${each.name}`);
  console.log('                  messages/s   ratio                  CPU µs/message   ratio');
  const base = costs.get(yardstick)!;
  for (const [name, own] of costs) {
    const speeds = own.map((cost) => cost.messagesPerSecond);
    const times = own.map((cost) => cost.cpuMicroseconds);
    const speedRatios = own.map((cost, round) => cost.messagesPerSecond / base[round]!.messagesPerSecond);
    const timeRatios = own.map((cost, round) => cost.cpuMicroseconds / base[round]!.cpuMicroseconds);
    console.log(
      [
        name.padEnd(16),
        median(speeds).toFixed(0).padStart(10),
        `  ${spread(speedRatios)}`.padEnd(24),
        median(times).toFixed(1).padStart(14),
        `  ${spread(timeRatios)}`,
      ].join(' '),
    );
  }
}

function spread(ratios: readonly number[]): string {
  const [low, middle, high] = [quantile(ratios, 0.25), median(ratios), quantile(ratios, 0.75)];
  return `${middle.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

void main();
