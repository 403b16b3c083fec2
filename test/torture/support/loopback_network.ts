import { randomInt } from 'node:crypto';

/**
 * The addresses of a network for one test: host n of 127.x.y.0/24. Linux accepts connections to all of 127.0.0.0/8
 * without any set-up. Each machine of a test has its own address, so that the usual ports are free on it, also after
 * a restart: no outgoing connection takes them, because those use 127.0.0.1.
 */
export class LoopbackNetwork {
  private readonly prefix = `127.${randomInt(16, 250)}.${randomInt(0, 256)}`;

  /** The address of host `number`, from 1 to 254. */
  host(number: number): string {
    return `${this.prefix}.${number}`;
  }
}
