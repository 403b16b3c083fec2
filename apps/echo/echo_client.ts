import { setTimeout as delay } from 'node:timers/promises';
import { ConnectSocket, SocketError } from '../../lib/index';
import { type ActionLog } from '../runtime/action_log';
import { ExitCode } from '../runtime/exit_code';
import { LINE_LIMIT, textOfLine } from './line';
import { type EchoClientSettings } from './settings';

const CONNECT_TIMEOUT_MS = 5_000;
const ECHO_TIMEOUT_MS = 10_000;

/** Sends its messages at an interval, each on a new connection, and compares each echo. */
export class EchoClient {
  constructor(
    private readonly settings: EchoClientSettings,
    private readonly log: ActionLog,
  ) {}

  async run(stop: AbortSignal): Promise<ExitCode> {
    const { CLI_ID, CLI_LOOP_AMOUNT, CLI_LOOP_PERIOD_MS } = this.settings;
    let failures = 0;
    for (let number = 1; number <= CLI_LOOP_AMOUNT; number++) {
      try {
        if (!(await this.exchange(`[CLIENT ${CLI_ID}] Message N°${number}\n`, stop))) failures++;
      } catch (error) {
        if (!stop.aborted && !(error instanceof SocketError)) throw error;
        if (!stop.aborted)
          this.log.error('receive_message', 'fail', { client_id: CLI_ID, error: (error as Error).message });
        return stop.aborted ? ExitCode.done : ExitCode.failed;
      }
      if (number < CLI_LOOP_AMOUNT) await delay(CLI_LOOP_PERIOD_MS, undefined, { signal: stop }).catch(() => {});
      if (stop.aborted) return ExitCode.done;
    }
    this.log.info('loop_finished', failures === 0 ? 'success' : 'fail', { client_id: CLI_ID });
    return failures === 0 ? ExitCode.done : ExitCode.failed;
  }

  /** Sends a message. Returns whether the echo is equal. */
  private async exchange(message: string, stop: AbortSignal): Promise<boolean> {
    const socket = new ConnectSocket(this.settings.CLI_SERVER_ADDRESS);
    try {
      await socket.connect({ timeoutMs: CONNECT_TIMEOUT_MS, signal: stop });
      await socket.sendAll(Buffer.from(message, 'utf8'), { timeoutMs: ECHO_TIMEOUT_MS, signal: stop });
      const line = await socket.recvUntil('\n', { limit: LINE_LIMIT, timeoutMs: ECHO_TIMEOUT_MS, signal: stop });
      const echo = line === null ? '' : textOfLine(line);
      const isSame = echo === textOfLine(Buffer.from(message, 'utf8'));
      this.log.info('receive_message', isSame ? 'success' : 'fail', { client_id: this.settings.CLI_ID, msg: echo });
      return isSame;
    } finally {
      await socket.close();
      if (stop.aborted) this.log.info('close_connection', 'success');
    }
  }
}
