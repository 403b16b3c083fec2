import { join } from 'node:path';
import { ConnectSocket, FramedSocket } from '../../../lib/index';
import { createAgencyCodec, type LotteryMessage, MessageType, textMessage } from '../../../apps/protocol/messages';
import { percentile, spread } from '../../statistics';
import { makeInputFiles, scaledBets } from '../input_files';
import { runLottery } from '../lottery_run';
import { OURS, type Part } from '../part';

const MILLION = 1_000_000;

/** The time of the draw over many bets, and the waits of another session for its answers meanwhile. */
export const draw: Part = {
  name: 'draw',
  about: 'the last agency to finish, which sends further requests during the draw',
  async run({ directory, full, rounds, print }) {
    const bets = (full ? 10 : 1) * MILLION;
    const input = makeInputFiles(directory, scaledBets(bets));
    const draws: number[] = [];
    const waits: number[] = [];
    for (let round = 0; round < Math.min(3, rounds); round++) {
      const sixthAgency = (port: number, uploaded: Promise<unknown>, drawn: Promise<unknown>): Promise<number> =>
        finishLast(port, uploaded, drawn, waits);
      const { drawMs } = await runLottery({ contestant: OURS, input, directory: join(directory, 'run'), sixthAgency });
      draws.push(drawMs);
    }
    const goal = full ? '   to reach: 3000' : '';
    print(`from the last finish to the last winners, ${bets / MILLION} M bets`, `${spread(draws, 'ms', 0)}${goal}`);
    print('answers to another session meanwhile', String(waits.length));
    print(
      'their waits: median, 99th percentile, longest',
      [0.5, 0.99, 1].map((share) => show(waits, share)).join(', '),
    );
  },
};

function show(waits: readonly number[], share: number): string {
  return `${percentile(waits, share).toFixed(1)} ms`;
}

/** Finishes as the last agency, and repeats the finish until the end of the draw. `waits` gets each answer's time. */
async function finishLast(
  port: number,
  uploaded: Promise<unknown>,
  drawn: Promise<unknown>,
  waits: number[],
): Promise<number> {
  await uploaded;
  const socket = new ConnectSocket({ host: '127.0.0.1', port });
  await socket.connect();
  const channel = new FramedSocket<LotteryMessage>(socket, createAgencyCodec());
  await ask(channel, MessageType.name, '6');
  const begun = performance.now();
  await ask(channel, MessageType.finish, '0');
  let isOver = false;
  void drawn.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const askedAt = performance.now();
    await ask(channel, MessageType.finish, '0');
    waits.push(performance.now() - askedAt);
  }
  await channel.close();
  return begun;
}

async function ask(channel: FramedSocket<LotteryMessage>, type: string, text: string): Promise<void> {
  void channel.send(textMessage(type, text));
  const answer = await channel.receive();
  if (answer?.type !== MessageType.ok) throw new Error(`the server answered ${answer?.type ?? 'nothing'} to ${type}`);
}
