import { expect } from 'chai';
import { parse } from 'papaparse';

import { type CommandResult, runCommand } from './command';
import { type ComposeStack } from './compose_stack';

const IMAGE = 'postgres:17';
const IMAGE_MS = 300_000;
const BET_COLUMNS = 'seq, first_name, last_name, document, birthdate, number';

/** Whether the image of the database is on this machine, or can be pulled. */
export async function postgresImageIsThere(): Promise<boolean> {
  for (const command of [['image', 'inspect'], ['pull']]) {
    const { code } = await runCommand('docker', [...command, IMAGE], { timeoutMs: IMAGE_MS });
    if (code === 0) return true;
  }
  return false;
}

/** The PostgreSQL of a stack with several servers, by the `psql` of its container. */
export class StackDatabase {
  constructor(private readonly stack: ComposeStack) {}

  /** @param host the address of PostgreSQL. From its own loopback address no password is required. */
  psql(role: string, statement: string, host = '127.0.0.1'): Promise<CommandResult> {
    const options = ['--no-psqlrc', '--no-password', '--host', host, '--username', role, '--dbname', 'lottery'];
    const args = ['exec', this.stack.container('postgres'), 'psql', ...options, '--command', statement];
    return runCommand('docker', args);
  }

  /** The rows of a query, as texts. */
  async rows(select: string): Promise<string[][]> {
    const { code, stdout, stderr } = await this.psql('postgres', `COPY (${select}) TO STDOUT (FORMAT csv)`);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    return parse<string[]>(stdout.trimEnd()).data;
  }

  /** The first value of a query. */
  async value(select: string): Promise<string | undefined> {
    return (await this.rows(select))[0]?.[0];
  }

  /** Requires the rows of each agency's file in its order, and no others. */
  async requireWholeFiles(agencies: readonly number[]): Promise<void> {
    let total = 0;
    for (const agency of agencies) {
      const bets = await this.stack.betsOf(agency);
      const expected = bets.map((bet, index) => [String(index + 1), ...bet]);
      const stored = await this.rows(`SELECT ${BET_COLUMNS} FROM bets WHERE agency = ${agency} ORDER BY seq`);
      expect(stored.map(asText), `agency ${agency}`).to.deep.equal(expected.map(asText));
      total += bets.length;
    }
    expect(await this.value('SELECT count(*) FROM bets')).to.equal(String(total));
  }

  /** Requires one draw, with the winners of each agency's file in their order. */
  async requireWinners(agencies: readonly number[]): Promise<void> {
    let total = 0;
    for (const agency of agencies) {
      const documents = (await this.stack.winnersIn(agency)).map((document) => [document]);
      const stored = await this.rows(`SELECT document FROM winners WHERE agency = ${agency} ORDER BY seq`);
      expect(stored, `agency ${agency}`).to.deep.equal(documents);
      total += documents.length;
    }
    expect(total, 'winners in the sample data').to.be.greaterThan(0);
    expect(await this.value('SELECT count(*) FROM winners')).to.equal(String(total));
    expect(await this.value('SELECT count(*) FROM draws WHERE held_at IS NOT NULL')).to.equal('1');
  }
}

function asText(row: string[]): string {
  return JSON.stringify(row);
}
