import { type BigIntStats, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { writeLine, writeText } from './apps/runtime/standard_streams';
import { composeFile, ComposeFileError, MAX_CLIENTS, mountedFiles, parseClientCount } from './tools/compose_file';

const TEMPLATE = 'docker-compose.template.yaml';
const USAGE = `usage: npx ts-node generate_compose.ts CLIENTS [-o FILE] [-t TEMPLATE]

Writes a compose file for the server, the echo service and so many clients (0 to ${MAX_CLIENTS}).
The relative paths in it count from where it lies.

  -o, --output FILE        where to write; docker-compose-dev.yaml unless said otherwise
  -t, --template FILE      what to start from; ${TEMPLATE} beside this program unless said otherwise
  -h, --help               this text
`;

interface Wish {
  readonly clients: number;
  readonly output: string;
  readonly template: string;
}

function main(args: string[]): void {
  try {
    const wish = parseWish(args);
    if (wish === undefined) return writeText(process.stdout, USAGE);
    refuseTemplate(wish);
    const compose = composeFile(read(wish.template), wish.clients);
    refuseMounted(wish, compose);
    write(wish.output, compose);
    writeLine(process.stdout, `${wish.output}: the server, the echo service and ${counted(wish.clients)}`);
  } catch (error) {
    if (!(error instanceof ComposeFileError)) throw error;
    writeLine(process.stderr, `generate_compose: ${error.message}`);
    process.exitCode = 2;
  }
}

/** What the arguments ask for; undefined when they ask for help. */
function parseWish(args: string[]): Wish | undefined {
  const { values, positionals } = parseArguments(args);
  if (values.help) return undefined;
  const [count, ...more] = positionals;
  if (count === undefined) throw new ComposeFileError('say how many clients: npx ts-node generate_compose.ts 5');
  if (more.length > 0) throw new ComposeFileError(`one number of clients is enough: what is "${more.join(' ')}"?`);
  return { clients: parseClientCount(count), output: values.output, template: values.template };
}

function refuseTemplate({ output, template }: Wish): void {
  if (isSameFile(output, template)) throw new ComposeFileError(`${output} is the template: write to another file`);
}

/** The template's relative paths count from where it lies, as those of its result do. */
function refuseMounted({ output, template }: Wish, compose: string): void {
  for (const file of mountedFiles(compose)) {
    if (!isSameFile(output, resolve(dirname(template), file))) continue;
    throw new ComposeFileError(`${output} is ${file}, which a container reads: write to another file`);
  }
}

/** Whether two paths name one file, over links too. A file that does not exist has its name alone. */
function isSameFile(one: string, other: string): boolean {
  if (resolve(one) === resolve(other)) return true;
  const [first, second] = [identify(one), identify(other)];
  return first !== undefined && first.dev === second?.dev && first.ino === second.ino;
}

function identify(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    // It is missing, or out of reach: reading or writing it reports that.
    return undefined;
  }
}

function parseArguments(args: string[]) {
  // A negative number looks like an option, yet who types it means a count.
  const negative = args.find((arg) => /^-\d/.test(arg));
  if (negative !== undefined) parseClientCount(negative);
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        output: { type: 'string', short: 'o', default: 'docker-compose-dev.yaml' },
        template: { type: 'string', short: 't', default: join(__dirname, TEMPLATE) },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new ComposeFileError(`${firstSentence(error as Error)} (--help says what there is)`);
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ComposeFileError(`the template cannot be read: ${(error as Error).message}`);
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new ComposeFileError(`the compose file cannot be written: ${(error as Error).message}`);
  }
}

function counted(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`;
}

function firstSentence(error: Error): string {
  return error.message.split(/\.\s|\n/, 1)[0]!.replace(/\.$/, '');
}

main(process.argv.slice(2));
