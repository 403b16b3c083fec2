import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Command } from '../../../bench/system/program';
import { start, startTogether } from '../../../bench/system/shell_start';

function node(source: string, more: Partial<Command> = {}): Command {
  return { program: process.execPath, args: ['-e', source], ...more };
}

describe('Programs started by a shell', () => {
  it('get their arguments and their environment unchanged', async () => {
    const value = `it's "$HOME" \\ \`x\` | a*`;
    const printed = 'console.log(`argument: ${process.argv[1]}`); console.log(`variable: ${process.env.VALUE}`)';
    const command = node(printed, { args: ['-e', printed, value], environment: { VALUE: value } });
    const program = await start(command);
    await program.requireSuccess();
    expect(await program.timeOfLine(`argument: ${value}`)).to.be.greaterThan(program.startedAt);
    expect(await program.timeOfLine(`variable: ${value}`)).to.be.greaterThan(program.startedAt);
  });

  it('report their own exit codes, the earlier end first', async () => {
    const { programs } = await startTogether([
      node('process.stdin.resume(); setTimeout(() => {}, 1e9)'),
      node('process.exit(3)'),
    ]);
    const [waiting, failing] = programs;
    expect((await failing!.ended).code).to.equal(3);
    waiting!.signal('SIGTERM');
    expect((await waiting!.ended).code).to.equal(128 + 15);
  });

  it('have ended only after their last line', async () => {
    const { programs } = await startTogether([1, 2, 3].map((each) => node(`console.log('line ${each}')`)));
    const lines = await Promise.all(
      programs.map(async (program, index) => {
        await program.ended;
        return program.timeOfLine(`line ${index + 1}`);
      }),
    );
    expect(lines).to.have.length(3);
  });

  it('fail a wait for a line that never comes', async () => {
    const program = await start(node('process.exit(4)'));
    const error = await program.timeOfLine('never').catch((cause: unknown) => cause);
    expect(String(error)).to.include('ended (4) without "never"');
  });

  it('write to their log file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'shell-start-'));
    const log = join(directory, 'log');
    await (await start(node("console.log('logged')", { log }))).requireSuccess();
    const logged = readFileSync(log, 'utf8');
    rmSync(directory, { recursive: true });
    expect(logged).to.equal('logged\n');
  });

  it('have a processor time', async () => {
    const { cpuMs } = await startTogether([node('const end = Date.now() + 200; while (Date.now() < end);')]);
    expect(await cpuMs).to.be.within(10, 60_000);
  });
});
