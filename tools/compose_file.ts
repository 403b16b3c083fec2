import { type Document, isCollection, isMap, parse, parseDocument, type Scalar, visit, type YAMLMap } from 'yaml';
import { hasPlaceholder, repeatPlaceholder, replacePlaceholder } from './compose_placeholders';
import { MAX_SERVERS } from './max_servers';
import { applyMergePatch } from './merge_patch';

/**
 * The free addresses of the template's /24 network: 256 less the network's own, the broadcast address and the gateway.
 */
const ADDRESSES = 253;

/** The server and the echo service take an address each. One is for the netcat container that tests the echo service. */
export const MAX_CLIENTS = ADDRESSES - 3;

/** With several servers, the database is in a network of its own: the echo service and netcat take an address each. */
const MAX_CLIENTS_AND_SERVERS = ADDRESSES - 2;

const ID = '{id}';
const AGENCIES = '{agencies}';
const SERVER = '{server}';

/** The extensions of the template with the changes for several servers, for TLS, and for both. */
const SERVERS_PATCH = 'x-servers';
const TLS_PATCH = 'x-tls';
const SERVERS_AND_TLS_PATCH = 'x-servers-tls';

/** The extension of a secret whose file is a copy: the path of the original. */
const COPY_OF = 'x-copy-of';

/** The extension of a configuration with the content of its file. */
const CONTENT = 'x-content';

export interface ComposeOptions {
  /** The number of servers that share a PostgreSQL. Without it there is one server with its own files. */
  readonly servers?: number | undefined;
  /** Whether the agencies connect by mutual TLS. */
  readonly tls?: boolean;
}

/** An invalid count or template. The message is one line for the user. */
export class ComposeFileError extends Error {
  override readonly name = 'ComposeFileError';
}

/** Parses the number of clients. Only digits are accepted: `1e2`, `3.0` or `+5` are probably mistakes. */
export function parseClientCount(text: string): number {
  return parseCount(text, 'clients', 0, MAX_CLIENTS);
}

/** Parses the number of servers of `--servers`, in the same grammar. */
export function parseServerCount(text: string): number {
  return parseCount(text, 'servers', 1, MAX_SERVERS);
}

function parseCount(text: string, what: string, min: number, max: number): number {
  const count = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : NaN;
  if (count >= min && count <= max) return count;
  throw new ComposeFileError(`the number of ${what} must be a whole number from ${min} to ${max}, not "${text}"`);
}

/**
 * Builds the text of a compose file with this number of clients. The template's comments and order are kept.
 *
 * @throws ComposeFileError the template cannot be used, or its network is too small.
 */
export function composeFile(template: string, clients: number, { servers, tls = false }: ComposeOptions = {}): string {
  const document = parseTemplate(template);
  const services = requireMap(document, 'services');
  const server = requireService(services, 'server', AGENCIES);
  replacePlaceholder(server, AGENCIES, clients === 0 ? undefined : String(clients));
  if (servers !== undefined) requireAddresses(clients, servers);
  applySection(document, SERVERS_PATCH, servers !== undefined);
  applySection(document, TLS_PATCH, tls);
  applySection(document, SERVERS_AND_TLS_PATCH, servers !== undefined && tls);
  const compose = document.contents as YAMLMap;
  if (servers !== undefined) {
    replacePattern(services, 'server', SERVER, servers);
    repeatPlaceholder(compose, SERVER, servers);
  }
  replacePattern(services, 'client', ID, clients);
  if (tls) repeatPlaceholder(compose, ID, clients);
  // A removed last section leaves its blank line.
  return `${document.toString({ lineWidth: 0 }).trimEnd()}\n`;
}

function requireAddresses(clients: number, servers: number): void {
  if (clients + servers <= MAX_CLIENTS_AND_SERVERS) return;
  throw new ComposeFileError(
    `${clients} clients and ${servers} servers are too many: the network has addresses for ${MAX_CLIENTS_AND_SERVERS} of both together`,
  );
}

/** Merges a section of the template into the others if it is wanted, and removes it. */
function applySection(document: Document, name: string, isWanted: boolean): void {
  if (isWanted) {
    const patch = requireMap(document, name);
    // It describes the section.
    patch.commentBefore = null;
    applyMergePatch(document.contents as YAMLMap, patch);
  }
  document.delete(name);
}

/** The local paths in a compose file's bind mounts, in their original form. */
export function mountedFiles(compose: string): string[] {
  const { services } = parse(compose) as { services: Record<string, { volumes?: readonly Volume[] } | null> };
  const volumes = Object.values(services).flatMap((service) => service?.volumes ?? []);
  return volumes.flatMap((volume) => sourceOf(volume) ?? []);
}

/** The file of a secret, with paths in their original form. */
export interface SecretFile {
  readonly file: string;
  /** The original of a copy; undefined for a password. */
  readonly copyOf: string | undefined;
}

/** The files of a compose file's secrets. */
export function secretFiles(compose: string): SecretFile[] {
  const { secrets } = parse(compose) as { secrets?: Record<string, { file?: string; [COPY_OF]?: string } | null> };
  return Object.values(secrets ?? {}).flatMap((secret) =>
    secret?.file === undefined ? [] : { file: secret.file, copyOf: secret[COPY_OF] },
  );
}

/** The file of a configuration, with its path in its original form. */
export interface ConfigFile {
  readonly file: string;
  readonly content: string;
}

/** The files of a compose file's configurations that have their content in it. */
export function configFiles(compose: string): ConfigFile[] {
  const { configs } = parse(compose) as { configs?: Record<string, { file: string; [CONTENT]: string }> };
  return Object.values(configs ?? {}).map(({ file, [CONTENT]: content }) => ({ file, content }));
}

/** https://docs.docker.com/reference/compose-file/services/#volumes */
type Volume = string | { readonly type: string; readonly source?: string };

function sourceOf(volume: Volume): string | undefined {
  if (typeof volume !== 'string') return volume.type === 'bind' ? volume.source : undefined;
  return /^([./~][^:]*):/.exec(volume)?.[1];
}

function parseTemplate(template: string): Document {
  const document = parseDocument(template);
  const [error] = document.errors;
  if (!error) return document;
  throw new ComposeFileError(`the template is not YAML: ${firstLine(error.message)}`);
}

function requireMap(parent: Document | YAMLMap, key: string): YAMLMap {
  const map: unknown = isCollection(parent) || isMap(parent.contents) ? parent.get(key, true) : undefined;
  if (isMap(map)) return map;
  throw new ComposeFileError(`the template has no "${key}"`);
}

/** A service without its placeholder is rejected: the resulting file would look right and not work. */
function requireService(services: YAMLMap, name: string, placeholder: string): YAMLMap {
  const service = requireMap(services, name);
  let found = false;
  visit(service, { Scalar: (_key, scalar) => void (found ||= hasPlaceholder(scalar, placeholder)) });
  if (found) return service;
  throw new ComposeFileError(`the template's service "${name}" has no placeholder ${placeholder}`);
}

/** Inserts name1 … nameN in place of the service with this name, each with its number for the placeholder. */
function replacePattern(services: YAMLMap, name: string, placeholder: string, count: number): void {
  const pattern = requireService(services, name, placeholder);
  const at = services.items.findIndex((pair) => pair.value === pattern);
  const [patternPair] = services.items.splice(at, 1);
  for (let number = 1; number <= count; number++) {
    const numbered = `${name}${number}`;
    if (services.has(numbered)) throw new ComposeFileError(`the template has a service "${numbered}" of its own`);
    const pair = patternPair!.clone();
    (pair.key as Scalar).value = numbered;
    replacePlaceholder(pair.value as YAMLMap, placeholder, String(number));
    if (number > 1) dropComments(pair.value as YAMLMap, pair.key as Scalar);
    services.items.splice(at + number - 1, 0, pair);
  }
}

/** The copies of a pattern are equal, so only the first one keeps its comments. */
function dropComments(service: YAMLMap, key: Scalar): void {
  key.commentBefore = null;
  visit(service, {
    Node(_key, node) {
      node.comment = null;
      node.commentBefore = null;
    },
  });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.replace(/:$/, '');
}
