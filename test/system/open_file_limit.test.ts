import { join } from 'node:path';
import { expect } from 'chai';
import { DIST } from '../support/app';
import { type CommandResult, runCommand } from '../support/command';
import { LotterySandbox } from '../support/lottery_sandbox';

/** Below the first limit no version of Node runs the smallest script. Above the second one every program runs. */
const LEAST = 8;
const MOST = 64;

const SMALLEST_SCRIPT = `require('node:fs').readFileSync(__filename); process.on('SIGTERM', () => {});`;

describe('a too low limit of open files', function () {
  this.timeout(60_000);
  let sandbox: LotterySandbox;
  let lowest: number;

  before(async () => {
    sandbox = await LotterySandbox.create();
    const script = await sandbox.write('smallest.js', SMALLEST_SCRIPT);
    for (lowest = LEAST; (await runWithin(lowest, script)).code !== 0;) lowest++;
  });

  after(async () => {
    await sandbox.dispose();
  });

  function runWithin(limit: number, program: string, env: Record<string, string> = {}): Promise<CommandResult> {
    // A Node that cannot start must not leave a core file.
    const script = `ulimit -c 0 && ulimit -n ${limit} && exec "$0" "$1"`;
    return runCommand('bash', ['-c', script, process.execPath, program], {
      cwd: sandbox.directory,
      env: {
        // Coverage uses descriptors.
        NODE_V8_COVERAGE: undefined,
        CONFIG_FILE: '/dev/null',
        SERVER_IP: '127.0.0.1',
        SERVER_DATA_DIR: sandbox.path('store'),
        ...env,
      },
    });
  }

  /** The results of a program for each limit, from the lowest one for Node up to a sufficient one. */
  async function refusals(
    program: string,
    hasEnough: (result: CommandResult) => boolean,
    env?: Record<string, string>,
  ): Promise<Map<number, CommandResult>> {
    const results = new Map<number, CommandResult>();
    for (let limit = lowest; limit < MOST; limit++) {
      const result = await runWithin(limit, join(DIST, 'apps/server', program), env);
      if (hasEnough(result)) return results;
      results.set(limit, result);
    }
    throw new Error(`${program} needs more than ${MOST} open files`);
  }

  it('ends the server with exit code 1 and a line with the limit', async () => {
    // The address is not of this machine, so a server with enough descriptors ends by itself.
    const found = await refusals('main.js', ({ stdout }) => stdout.includes('EADDRNOTAVAIL'), {
      SERVER_IP: '192.0.2.1',
    });
    expect(found).not.to.be.empty;
    for (const [limit, { code, stdout, stderr }] of found) {
      const lines = stdout.trimEnd().split('\n');
      const reason = new RegExp(
        `ERROR +action: (?:open_store|listen) \\| result: fail \\|.* error: too many open files \\(ulimit -n allows ${limit}\\): `,
      );
      expect(lines.at(-2), stdout + stderr).to.match(reason);
      expect(lines.at(-1)).to.match(/ERROR +action: exit \| result: fail \| code: 1$/);
      expect(lines.filter((line) => line.includes('ERROR'))).to.have.length(2);
      expect(stderr).to.equal('');
      expect(code).to.equal(1);
    }
  });

  it('ends a new draw with exit code 1 and one line with the limit', async () => {
    const found = await refusals('new_draw.js', ({ code }) => code === 0);
    expect(found).not.to.be.empty;
    for (const [limit, { code, stdout, stderr }] of found) {
      expect(stderr).to.match(/^lottery-new-draw: too many open files \(ulimit -n allows \d+\): [^\n]+\n$/);
      expect(stderr).to.include(`allows ${limit})`);
      expect([code, stdout]).to.deep.equal([1, '']);
    }
  });

  it('ends the health check with exit code 1 and at most one line', async () => {
    // The port has no listener: with enough descriptors, the connection is refused.
    const found = await refusals('healthcheck.js', ({ stderr }) => stderr.includes('ECONNREFUSED'), {
      SERVER_PORT: '1',
    });
    for (const [limit, { code, stdout, stderr }] of found) {
      expect(stderr).to.match(/^healthcheck: too many open files \(ulimit -n allows \d+\): [^\n]+\n$/);
      expect(stderr).to.include(`allows ${limit})`);
      expect([code, stdout]).to.deep.equal([1, '']);
    }
  });
});
