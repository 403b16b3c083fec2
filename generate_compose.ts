import { type BigIntStats, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { writeLine, writeText } from './apps/runtime/standard_streams';
import {
  composeFile,
  ComposeFileError,
  configFiles,
  MAX_CLIENTS,
  mountedFiles,
  parseClientCount,
  parseServerCount,
  secretFiles,
} from './tools/compose_file';
import { writeConfigFiles } from './tools/config_files';
import { MAX_SERVERS } from './tools/max_servers';
import { copySecretFiles, createSecretFiles } from './tools/secret_files';

const TEMPLATE = 'docker-compose.template.yaml';
const USAGE = `usage: npx ts-node generate_compose.ts CLIENTS [--servers SERVERS] [--tls] [-o FILE] [-t TEMPLATE]

Writes a compose file with the server, the echo service and the given number of clients (0 to ${MAX_CLIENTS}).
Relative paths in the file start at its own directory.

      --servers SERVERS    the number of servers (1 to ${MAX_SERVERS}), on one PostgreSQL; its missing passwords are made.
                           Without this option: one server, on its own files
      --tls                mutual TLS, with copies of the files in .data/certificates (make certificates)
  -o, --output FILE        the file to write (default: docker-compose-dev.yaml)
  -t, --template FILE      the template (default: ${TEMPLATE} beside this program)
  -h, --help               print this text
`;

interface CommandLine {
  readonly clients: number;
  /** undefined: one server without a database. */
  readonly servers: number | undefined;
  readonly tls: boolean;
  readonly output: string;
  readonly template: string;
}

function main(args: string[]): void {
  try {
    const commandLine = parseCommandLine(args);
    if (commandLine === undefined) return writeText(process.stdout, USAGE);
    const { clients, servers, tls, output, template } = commandLine;
    rejectTemplateAsOutput(commandLine);
    const compose = composeFile(readTemplate(template), clients, { servers, tls });
    rejectMountedFileAsOutput(commandLine, compose);
    const { copies, passwords } = writeSecretFiles(commandLine, compose);
    writeConfigFiles(configFiles(compose).map(({ file, content }) => ({ file: join(dirname(output), file), content })));
    writeOutput(output, compose);
    writeLine(
      process.stdout,
      `${output}: ${formatServers(servers)}, the echo service and ${formatCount(clients, 'client')}${tls ? ', by TLS' : ''}`,
    );
    if (copies > 0) writeLine(process.stdout, `copied ${formatCount(copies, 'file')} with certificates and keys`);
    if (passwords > 0) writeLine(process.stdout, `made ${formatCount(passwords, 'password')} for the database`);
  } catch (error) {
    if (!(error instanceof ComposeFileError)) throw error;
    writeLine(process.stderr, `generate_compose: ${error.message}`);
    process.exitCode = 2;
  }
}

/**
 * Parses the command line.
 *
 * @returns undefined for `--help`.
 * @throws ComposeFileError an argument is missing, unknown or superfluous.
 */
function parseCommandLine(args: string[]): CommandLine | undefined {
  const { values, positionals } = parseOptions(args);
  if (values.help) return undefined;
  const [count, ...more] = positionals;
  if (count === undefined)
    throw new ComposeFileError('the number of clients is missing: npx ts-node generate_compose.ts 5');
  if (more.length > 0)
    throw new ComposeFileError(`unexpected argument after the number of clients: "${more.join(' ')}"`);
  const servers = values.servers === undefined ? undefined : parseServerCount(values.servers);
  const { tls, output, template } = values;
  return { clients: parseClientCount(count), servers, tls, output, template };
}

/** Copies certificates and makes passwords, beside the output. Returns the numbers of written files. */
function writeSecretFiles({ clients, output }: CommandLine, compose: string): { copies: number; passwords: number } {
  const beside = (file: string): string => join(dirname(output), file);
  const files = secretFiles(compose);
  const copies = files.flatMap(({ file, copyOf }) =>
    copyOf === undefined ? [] : { file: beside(file), copyOf: beside(copyOf) },
  );
  const passwords = files.filter(({ copyOf }) => copyOf === undefined).map(({ file }) => resolve(beside(file)));
  return { copies: copySecretFiles(copies, clients), passwords: createSecretFiles(passwords) };
}

function rejectTemplateAsOutput({ output, template }: CommandLine): void {
  if (isSameFile(output, template)) throw new ComposeFileError(`${output} is the template: write to another file`);
}

/** Relative paths of mounted files start at the template's directory. */
function rejectMountedFileAsOutput({ output, template }: CommandLine, compose: string): void {
  const secrets = secretFiles(compose).flatMap(({ file, copyOf }) => (copyOf === undefined ? [file] : [file, copyOf]));
  const configs = configFiles(compose).map(({ file }) => file);
  for (const file of [...mountedFiles(compose), ...secrets, ...configs]) {
    if (!isSameFile(output, resolve(dirname(template), file))) continue;
    throw new ComposeFileError(`${output} is ${file}, a file mounted in a container: write to another file`);
  }
}

/** Whether two paths lead to the same file, also through links. A missing file equals only its own path. */
function isSameFile(one: string, other: string): boolean {
  if (resolve(one) === resolve(other)) return true;
  const [first, second] = [identify(one), identify(other)];
  return first !== undefined && first.dev === second?.dev && first.ino === second.ino;
}

function identify(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    // A missing or unreachable file is reported by its read or its write.
    return undefined;
  }
}

function parseOptions(args: string[]) {
  // parseArgs takes a negative number for an option; it is an invalid count.
  const at = args.findIndex((arg) => /^-\d/.test(arg));
  if (at >= 0) (args[at - 1] === '--servers' ? parseServerCount : parseClientCount)(args[at]!);
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        servers: { type: 'string' },
        tls: { type: 'boolean', default: false },
        output: { type: 'string', short: 'o', default: 'docker-compose-dev.yaml' },
        template: { type: 'string', short: 't', default: join(__dirname, TEMPLATE) },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new ComposeFileError(`${firstSentence(error as Error)} (--help lists the options)`);
  }
}

function readTemplate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ComposeFileError(`the template cannot be read: ${(error as Error).message}`);
  }
}

function writeOutput(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new ComposeFileError(`the compose file cannot be written: ${(error as Error).message}`);
  }
}

function formatServers(servers: number | undefined): string {
  return servers === undefined ? 'the server' : `${formatCount(servers, 'server')} on PostgreSQL`;
}

function formatCount(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function firstSentence(error: Error): string {
  return error.message.split(/\.\s|\n/, 1)[0]!.replace(/\.$/, '');
}

main(process.argv.slice(2));
