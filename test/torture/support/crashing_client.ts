import { writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { FramedSocket } from '../../../lib/index';
import { ActionLog } from '../../../apps/runtime/action_log';
import { loadSettings } from '../../../apps/runtime/settings';
import { type Agency } from '../../../apps/client/agencies/agency';
import { createClientContainer } from '../../../apps/client/container';
import { CLIENT_SETTINGS } from '../../../apps/client/settings';
import { TOKENS } from '../../../apps/client/tokens';

/**
 * A client that kills its own process (SIGKILL) at step CRASH_STEP: before or after the send of a message, the receipt of
 * an answer, or a read of its file. It prints each received answer at once, and the number of steps at its end.
 */
const crashStep = Number(process.env['CRASH_STEP']);
let steps = 0;

function step(): void {
  if (steps++ === crashStep) process.kill(process.pid, 'SIGKILL');
}

type Channel = FramedSocket<{ readonly type: string; readonly value: Uint8Array }>;
type AnyMethod = (this: unknown, ...parameters: unknown[]) => unknown;

/** Replaces a method of a class by `around`, which receives the original method. */
function wrap(prototype: object, name: string, around: (original: () => unknown) => unknown): void {
  const methods = prototype as Record<string, AnyMethod>;
  const original = methods[name]!;
  methods[name] = function (...parameters) {
    return around(() => original.apply(this, parameters));
  };
}

function sending(send: () => unknown): unknown {
  step();
  const sent = send() as Promise<void>;
  step();
  // A further step follows after the write to the kernel.
  sent.then(step, () => {});
  return sent;
}

function received(answer: Awaited<ReturnType<Channel['receive']>>): void {
  step();
  if (answer !== null) writeSync(1, `answer ${answer.type} ${Buffer.from(answer.value).toString()}\n`);
  setImmediate(step);
}

async function main(): Promise<void> {
  for (const name of ['send', 'sendMany']) wrap(FramedSocket.prototype, name, sending);
  wrap(FramedSocket.prototype, 'tryReceive', (receive) => {
    const answer = receive() as ReturnType<Channel['tryReceive']>;
    if (answer !== undefined) received(answer);
    return answer;
  });
  wrap(FramedSocket.prototype, 'receive', async (receive) => {
    const answer = (await receive()) as Awaited<ReturnType<Channel['receive']>>;
    received(answer);
    return answer;
  });
  const settings = loadSettings(CLIENT_SETTINGS, { defaultFile: '', environment: process.env });
  const file: FileHandle = await open(settings.CLI_DATA_FILE);
  await file.close();
  wrap(Object.getPrototypeOf(file) as object, 'read', async (read) => {
    step();
    const result = await read();
    step();
    return result;
  });

  const container = createClientContainer(settings, new ActionLog('CRITICAL', () => {}));
  process.exitCode = await container.get<Agency>(TOKENS.Agency).run(new AbortController().signal);
  writeSync(1, `steps ${steps}\n`);
}

void main();
