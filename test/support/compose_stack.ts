import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse as parseRows } from 'papaparse';
import { parse, stringify } from 'yaml';

import { type CommandResult, outputOf, runCommand } from './command';

const REPOSITORY = join(__dirname, '../..');
const MANIFESTS = ['package.json', 'package-lock.json'];
const COPIED = [
  ...MANIFESTS,
  ...['.dockerignore', 'Dockerfile', 'LICENSE', 'Makefile', 'docker-compose.template.yaml', 'generate_compose.ts'],
  ...['test_server_with_netcat.sh', 'tsconfig.json', 'apps', 'config', 'lib', 'tools'],
];
/** Another test may write `lib/dist` meanwhile. */
const COPY_OPTIONS = { recursive: true, filter: (path: string) => basename(path) !== 'dist' };
const BUILD_MS = 600_000;
const END_MS = 300_000;

/** That of config/server.ini. */
const WINNING_NUMBER = 7574;

type Services = Record<string, { container_name?: string }>;

interface Template {
  name: string;
  services: Services;
  networks: unknown;
  'x-servers': { services: Services };
}

/** Whether containers can be started on this machine. */
export async function engineAnswers(): Promise<boolean> {
  for (const args of [['info'], ['compose', 'version']]) {
    const result = await runCommand('docker', args).catch(() => undefined);
    if (result?.code !== 0) return false;
  }
  return true;
}

/**
 * The whole system in containers, made by `make` from a copy of the project with other names. A developer's running
 * system, data, settings and compose file are not affected.
 */
export class ComposeStack {
  private constructor(
    readonly directory: string,
    readonly project: string,
  ) {}

  static async create(): Promise<ComposeStack> {
    const directory = await mkdtemp(join(tmpdir(), 'lottery-containers-'));
    const stack = new ComposeStack(directory, `tp0-test-${process.pid}`);
    for (const name of COPIED) await cp(join(REPOSITORY, name), join(directory, name), COPY_OPTIONS);
    // The manifests must look older than node_modules, or make would install the packages again.
    for (const name of MANIFESTS) await utimes(join(directory, name), 0, 0);
    await linkPackages(join(REPOSITORY, 'node_modules'), join(directory, 'node_modules'));
    await stack.edit('docker-compose.template.yaml', (text) => stack.underOwnNames(text));
    return stack;
  }

  private underOwnNames(text: string): string {
    // Merged, because an alias to another section could become an anchor in a section that is omitted.
    const template = parse(text, { merge: true }) as Template;
    template.name = this.project;
    for (const services of [template.services, template['x-servers'].services]) {
      for (const service of Object.values(services)) {
        if (service.container_name !== undefined) service.container_name = `${this.project}-${service.container_name}`;
      }
    }
    // Another network may have the template's subnet: the engine picks a free one.
    template.networks = { testing_net: {}, status_net: {} };
    return stringify(template, { aliasDuplicateObjects: false });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async edit(name: string, change: (text: string) => string): Promise<void> {
    await writeFile(this.path(name), change(await readFile(this.path(name), 'utf8')));
  }

  async make(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryMake(...args);
    if (code === 0) return stdout;
    throw new Error(`make ${args.join(' ')} ended with exit code ${code}:\n${stdout}${stderr}`);
  }

  /** As `make`, with any exit code. */
  tryMake(...args: string[]): Promise<CommandResult> {
    // The flags and variables of a make that runs the tests are not for this one.
    const names = ['MAKEFLAGS', 'MFLAGS', 'AGENCIES', 'SERVERS', 'BETS', 'TLS'];
    const env = Object.fromEntries(names.map((name) => [name, undefined]));
    return runCommand('make', args, { cwd: this.directory, env, timeoutMs: BUILD_MS });
  }

  async compose(...args: string[]): Promise<string> {
    return outputOf('docker', ['compose', '-f', 'docker-compose-dev.yaml', ...args], { cwd: this.directory });
  }

  /** The rows of an agency's file. */
  async betsOf(agency: number): Promise<string[][]> {
    const csv = await readFile(this.path(`.data/agency-${agency}.csv`), 'utf8');
    return parseRows<string[]>(csv.trimEnd()).data;
  }

  /** The documents of the winning bets of an agency's file, in its order. */
  async winnersIn(agency: number): Promise<string[]> {
    const bets = await this.betsOf(agency);
    return bets.filter(([, , , , number]) => Number(number) === WINNING_NUMBER).map(([, , document]) => document!);
  }

  /** Requires that an agency ends with exit code 0 and the number of winners of its file. */
  async requireWinners(agency: number): Promise<void> {
    const client = `client${agency}`;
    expect(await this.exitCodeOf(client), client).to.equal(0);
    const { length } = await this.winnersIn(agency);
    const line = new RegExp(`action: consulta_ganadores \\| result: success \\| cant_ganadores: ${length}\\b`);
    expect(await this.logsOf(client)).to.match(line);
  }

  /**
   * Runs a script of Node in a new container of a service, with its networks and limits and without its dependencies.
   * The script is the standard input of the container.
   */
  async script(service: string, text: string): Promise<CommandResult> {
    const run = ['run', '--rm', '--no-deps', '--no-TTY', '--interactive', '--entrypoint', 'node', service, '-'];
    const args = ['compose', '-f', 'docker-compose-dev.yaml', ...run];
    return runCommand('docker', args, { cwd: this.directory, input: text });
  }

  /** Runs the netcat script with the echo service of this stack. */
  async netcat(args: string[], input = ''): Promise<CommandResult> {
    const env = { COMPOSE_PROJECT_NAME: this.project };
    return runCommand('bash', [this.path('test_server_with_netcat.sh'), ...args], { env, input });
  }

  container(service: string): string {
    return `${this.project}-${service}`;
  }

  /** Waits for the end of a container. Returns its exit code. */
  async exitCodeOf(service: string): Promise<number> {
    return Number(await outputOf('docker', ['wait', this.container(service)], { timeoutMs: END_MS }));
  }

  /** The number of automatic restarts of a container. */
  async restartsOf(service: string): Promise<number> {
    return Number(await outputOf('docker', ['inspect', '--format', '{{.RestartCount}}', this.container(service)]));
  }

  /** The exit codes of the ended containers, by service. */
  async exitCodes(): Promise<Record<string, number>> {
    const lines = await this.compose('ps', '--all', '--format', '{{.Service}} {{.State}} {{.ExitCode}}');
    const ended: [string, number][] = [];
    for (const line of lines.trim().split('\n')) {
      const [service, state, code] = line.split(' ');
      if (state === 'exited') ended.push([service!, Number(code)]);
    }
    return Object.fromEntries(ended);
  }

  /** The names of the volumes of this stack. */
  async volumes(): Promise<string[]> {
    const filter = `label=com.docker.compose.project=${this.project}`;
    const names = await outputOf('docker', ['volume', 'ls', '--quiet', '--filter', filter]);
    return names.split('\n').filter((name) => name !== '');
  }

  async logsOf(service: string): Promise<string> {
    return this.compose('logs', '--no-log-prefix', '--no-color', service);
  }

  /** Ends a container by SIGTERM. */
  async stop(service: string): Promise<void> {
    await outputOf('docker', ['stop', this.container(service)]);
  }

  /** Ends a container by SIGKILL. The engine does not start it again. */
  async kill(service: string): Promise<void> {
    await outputOf('docker', ['kill', this.container(service)]);
    await this.exitCodeOf(service);
  }

  /**
   * Waits for a matching line in the log of a container.
   *
   * @param since only lines from this time on count; all lines without it.
   */
  async awaitLog(service: string, pattern: RegExp, { deadlineMs = 30_000, since = new Date(0) } = {}): Promise<string> {
    const child = spawn('docker', ['logs', '--follow', '--since', since.toISOString(), this.container(service)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const deadline = setTimeout(() => child.kill(), deadlineMs);
    try {
      const lines: AsyncIterable<string> = createInterface(child.stdout);
      for await (const line of lines) if (pattern.test(line)) return line;
    } finally {
      clearTimeout(deadline);
      child.kill();
    }
    throw new Error(`${service} did not log ${pattern} within ${deadlineMs} ms:\n${await this.logsOf(service)}`);
  }

  /** Removes the containers, the network, the volume and the copy. */
  async dispose(): Promise<void> {
    const stop = ['compose', '-p', this.project, 'down', '--volumes', '--remove-orphans', '--timeout', '1'];
    await runCommand('docker', stop, { cwd: this.directory });
    await rm(this.directory, { recursive: true, force: true });
  }
}

/**
 * Makes a directory with a link for each package. An `npm ci` would follow a single link to the whole directory, and
 * empty the project's node_modules; here it can remove the links only.
 */
async function linkPackages(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of await readdir(from)) await symlink(join(from, name), join(to, name));
}
