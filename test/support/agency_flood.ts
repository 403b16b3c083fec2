import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions } from 'node:tls';
import { message, WireClient } from './wire_client';

/** The messages of a session behind its name. */
const MESSAGES = 100;
const PAUSE_MS = 5;

/** One agency by TLS that floods a server from several addresses at once. */
export class AgencyFlood {
  /** Messages that the server has answered, errors excluded. */
  answered = 0;
  /** Sessions that the server has taken. */
  sessions = 0;
  /** The texts of the `E` messages, each once. */
  readonly errors = new Set<string>();
  private isOver = false;
  private readonly begun = performance.now();
  private readonly ended: Promise<unknown>;

  constructor(
    private readonly port: number,
    private readonly agency: number,
    private readonly tls: ConnectionOptions,
    addresses: readonly string[],
  ) {
    this.ended = Promise.all(addresses.map((address) => this.attack(address)));
  }

  /** Ends the flood. @returns its time in seconds. */
  async stop(): Promise<number> {
    this.isOver = true;
    await this.ended;
    return (performance.now() - this.begun) / 1000;
  }

  private async attack(localAddress: string): Promise<void> {
    while (!this.isOver) {
      // Node's types of TLS leave the option of the socket out.
      const options = { ...this.tls, localAddress } as ConnectionOptions;
      const client = await WireClient.connectTls(this.port, options).catch(() => undefined);
      if (client !== undefined) await this.flood(client);
      await delay(PAUSE_MS);
    }
  }

  /** One session, to its end. */
  private async flood(client: WireClient): Promise<void> {
    const asks = Array.from({ length: MESSAGES }, () => message('A'));
    client.write(message('N', String(this.agency)), ...asks);
    for (let answers = 0; answers <= MESSAGES && !this.isOver; answers++) {
      const answer = await client.next().catch(() => 'end');
      if (answer.startsWith('E ')) this.errors.add(answer);
      if (answer === 'end' || answer.startsWith('E ')) break;
      if (answers === 0) this.sessions++;
      this.answered++;
    }
    client.destroy();
  }
}
