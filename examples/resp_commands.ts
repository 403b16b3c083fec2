import { type Command, type Reply, RespError } from './resp_protocol';

/** The keys and values of the server; a key has one character for each of its bytes. */
export type Values = Map<string, Buffer>;

interface Definition {
  readonly run: (values: Values, command: Command) => Reply;
  /** The number of arguments, the least and the most. */
  readonly args: readonly [least: number, most: number];
}

const MANY = Infinity;

const definitions: ReadonlyMap<string, Definition> = new Map<string, Definition>([
  ['PING', { args: [0, 1], run: (_, command) => command[1] ?? 'PONG' }],
  ['ECHO', { args: [1, 1], run: (_, command) => command[1]! }],
  ['GET', { args: [1, 1], run: (values, command) => valueOf(values, command[1]!) }],
  ['SET', { args: [2, 2], run: (values, command) => set(values, command[1]!, command[2]!) }],
  ['DEL', { args: [1, MANY], run: (values, command) => count(command, (key) => values.delete(key)) }],
  ['EXISTS', { args: [1, MANY], run: (values, command) => count(command, (key) => values.has(key)) }],
  ['INCR', { args: [1, 1], run: (values, command) => add(values, command[1]!, 1) }],
  ['DECR', { args: [1, 1], run: (values, command) => add(values, command[1]!, -1) }],
  ['MGET', { args: [1, MANY], run: (values, command) => command.slice(1).map((key) => valueOf(values, key)) }],
  ['DBSIZE', { args: [0, 0], run: (values) => values.size }],
  ['FLUSHALL', { args: [0, 0], run: flush }],
  ['COMMAND', { args: [0, MANY], run: () => [] }],
  // redis-benchmark asks for two settings, which this server does not have.
  ['CONFIG', { args: [2, 2], run: (_, command) => [command[2]!, Buffer.alloc(0)] }],
]);

/** Executes a command; its mistakes are replies too. */
export function execute(values: Values, command: Command): Reply {
  const name = nameOf(command[0]!).toUpperCase();
  const definition = definitions.get(name);
  if (definition === undefined) return new RespError(`ERR unknown command '${printable(name)}'`);
  const [least, most] = definition.args;
  if (command.length <= least || command.length > most + 1) {
    return new RespError(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
  }
  return definition.run(values, command);
}

function valueOf(values: Values, key: Buffer): Buffer | null {
  return values.get(nameOf(key)) ?? null;
}

function set(values: Values, key: Buffer, value: Buffer): Reply {
  // A copy: received bytes are a view of a chunk, which they would keep in memory.
  values.set(nameOf(key), Buffer.from(value));
  return 'OK';
}

function add(values: Values, key: Buffer, difference: number): Reply {
  const text = values.get(nameOf(key))?.toString('latin1') ?? '0';
  const sum = /^-?[0-9]{1,16}$/.test(text) ? Number(text) + difference : NaN;
  if (!Number.isSafeInteger(sum)) return new RespError('ERR value is not an integer or out of range');
  values.set(nameOf(key), Buffer.from(String(sum)));
  return sum;
}

function count(command: Command, holds: (key: string) => boolean): number {
  return command.slice(1).filter((key) => holds(nameOf(key))).length;
}

function flush(values: Values): Reply {
  values.clear();
  return 'OK';
}

function nameOf(bytes: Buffer): string {
  return bytes.toString('latin1');
}

/** A name for one line of an error. */
function printable(name: string): string {
  return name.slice(0, 50).replace(/[^ -~]/g, '?');
}
