import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type BetFields, generateBets, storedRow } from '../../support/generated_bets';

/** The bets of a hostile agency. It sends them as one batch, again and again. */
export function hostileBets(agency: number): readonly BetFields[] {
  return generateBets(agency, 150);
}

/** The same as rows of the store. */
export function hostileRows(agency: number): readonly string[] {
  return hostileBets(agency).map((bet) => storedRow(agency, bet));
}

/** Each number counts the attempts of one kind of attack. */
export type HostileCounts = Readonly<Record<'connects' | 'left' | 'garbage' | 'asking' | 'batches', number>>;

/** Options of an attack. */
export interface HostileOptions {
  /** The compiled program of `hostile_program.ts`. Without it, the source is compiled in memory. */
  readonly program?: string;
  /** The lowest priority, for a measurement: an attacker is another machine. */
  readonly isLast?: boolean;
  /** A directory with `ca.pem` and a certificate of each of the two agencies: the attack is by TLS. */
  readonly certificates?: string;
}

/** A process that attacks a server from one address, in all ways at once, as fast as it can. */
export class HostileAddress {
  private constructor(private readonly child: ChildProcess) {}

  /**
   * Begins the attack. Resolves when all kinds of it have begun.
   *
   * @param agencies two ids: of the floods of `A`, and of the batches.
   */
  static async begin(
    port: number,
    from: string,
    agencies: readonly [number, number],
    options: HostileOptions = {},
  ): Promise<HostileAddress> {
    const { program, isLast = false, certificates = '' } = options;
    const command = program === undefined ? ['--require', 'tsx/cjs', join(__dirname, 'hostile_program.ts')] : [program];
    const args = [...command, String(port), from, ...agencies.map(String), isLast ? 'last' : '', certificates];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const hostile = new HostileAddress(child);
    await once(child, 'message');
    return hostile;
  }

  /** Ends the attack, and returns what it has done. */
  async end(): Promise<HostileCounts> {
    const answer = once(this.child, 'message');
    this.child.send('end');
    const [counts] = (await answer) as [HostileCounts];
    await once(this.child, 'close');
    return counts;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
