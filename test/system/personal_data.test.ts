import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { type App } from '../support/app';
import { createDrawKeys, type DrawKeys } from '../support/draw_keys';
import { type BetFields, formatBets } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';
import { sharedPostgres } from '../support/postgres_server';
import { message } from '../support/wire_client';

const AGENCIES = [1, 2, 3];

/** Bets with names and documents that nothing else in a log resembles. One of a hundred wins. */
function makeBets(agency: number, count: number): BetFields[] {
  return Array.from({ length: count }, (_, index) => [
    `Xiomara${agency}q${index}`,
    index % 7 === 0 ? `Quispe, "${agency}w${index}"` : `Wenceslao${agency}w${index}`,
    String(987_600_000_000 + agency * 1_000_000 + index),
    '1987-06-05',
    index % 100 === 0 ? '7574' : '1234',
  ]);
}

const STORES: [string, (context: Mocha.Context) => Promise<Record<string, string>>][] = [
  ['files', async () => ({})],
  [
    'PostgreSQL',
    async (context) => {
      const server = await sharedPostgres(context);
      return { SERVER_STORE: 'postgres', SERVER_DATABASE_URL: server.url(await server.createDatabase()) };
    },
  ],
];

for (const [name, createStore] of STORES) {
  describe(`the logs of a whole lottery over ${name}`, function () {
    this.timeout(120_000);
    let sandbox: LotterySandbox;
    let keys: DrawKeys;
    let settings: Record<string, string>;
    let bets: Map<number, BetFields[]>;

    beforeEach(async function () {
      const store = await createStore(this);
      sandbox = await LotterySandbox.create();
      keys = createDrawKeys();
      settings = {
        ...store,
        SERVER_AGENCIES: String(AGENCIES.length),
        SERVER_DRAW_KEY_FILE: keys.privateFile,
        SERVER_STATUS_PORT: '0',
      };
      bets = new Map(AGENCIES.map((agency) => [agency, makeBets(agency, 600)]));
    });

    afterEach(async () => {
      await sandbox?.dispose();
      keys?.remove();
    });

    /** The personal data of the bets that are in the output of the programs. */
    function findPersonalData(apps: readonly App[]): string[] {
      const text = apps.map(({ stdout, stderr }) => stdout + stderr).join('\n');
      expect(text).to.include('action: exit | result: success');
      const parts = Array.from(bets.values(), (list) =>
        list.flatMap(([first, last, document]) => [first, last, document]),
      );
      return parts.flat().filter((part) => text.includes(part));
    }

    /** A lottery with everything that logs a line: faults of files, refused messages, a restart, the draw. */
    async function runLottery(level: string): Promise<App[]> {
      const levels = { LOGGING_LEVEL: level, CLI_LOG_LEVEL: level };
      const first = await sandbox.startServer({ ...settings, ...levels });
      const apps = [first.app];
      const upload = async (port: number, agency: number, code: number): Promise<void> => {
        const client = sandbox.startClient(port, agency, levels);
        apps.push(client);
        expect((await client.end()).code, client.stdout).to.equal(code);
      };
      const [one, two, three] = AGENCIES.map((agency) => bets.get(agency)!);
      // A row that is no bet, with the names and the document of one.
      await sandbox.write(
        'agency-1.csv',
        `${formatBets(one!.slice(0, 300))}${formatBets([one![300]!]).replace('1987-06', '1987-13')}`,
      );
      await upload(first.port, 1, 1);
      // Another row among the stored ones.
      await sandbox.write('agency-1.csv', formatBets([one![1]!, one![0]!, ...one!.slice(2)]));
      await upload(first.port, 1, 1);
      const [row] = formatBets([two![0]!]).split('\n');
      for (const value of [`2,${row!.replace('1987-06', '1987-13')}`, `3,${row}`, `2,${row}x`]) {
        const connection = await sandbox.connect(first.port);
        connection.write(message('N', '2'), message('B', value));
        expect((await connection.rest()).at(-1)).to.match(/^E (bad-bet|wrong-agency): /);
      }
      expect((await first.app.stop('SIGTERM')).code).to.equal(0);

      const second = await sandbox.startServer({ ...settings, ...levels });
      apps.push(second.app);
      for (const [agency, list] of [
        [1, one],
        [2, two],
        [3, three],
      ] as const) {
        await sandbox.write(`agency-${agency}.csv`, formatBets(list!));
      }
      await Promise.all(AGENCIES.map((agency) => upload(second.port, agency, 0)));
      await rm(sandbox.path('agency-1.csv'));
      await upload(second.port, 1, 1);
      expect((await second.app.stop('SIGTERM')).code).to.equal(0);
      return apps;
    }

    it('have no name and no document at INFO', async () => {
      expect(findPersonalData(await runLottery('INFO'))).to.deep.equal([]);
    });

    if (name === 'files') {
      it('have documents at DEBUG, which this search finds', async () => {
        const found = findPersonalData(await runLottery('DEBUG'));
        expect(found).to.deep.equal(
          Array.from(bets.values())
            .flat()
            .map(([, , document]) => document),
        );
      });
    }
  });
}
