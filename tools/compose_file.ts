import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  parse,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml';

/**
 * The template's /24 network has 253 free addresses (256 less the network's own, the broadcast address and the
 * gateway). The server and the echo service take two, and one is reserved for the netcat container that tests the echo
 * service.
 */
export const MAX_CLIENTS = 250;

const ID = '{id}';
const AGENCIES = '{agencies}';

/** An invalid count or template. The message is one line for the user. */
export class ComposeFileError extends Error {
  override readonly name = 'ComposeFileError';
}

/** Parses the number of clients. Only digits are accepted: `1e2`, `3.0` or `+5` are probably mistakes. */
export function parseClientCount(text: string): number {
  const count = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : NaN;
  if (count <= MAX_CLIENTS) return count;
  throw new ComposeFileError(`the number of clients must be a whole number from 0 to ${MAX_CLIENTS}, not "${text}"`);
}

/** Builds the text of a compose file with this number of clients. The template's comments and order are kept. */
export function composeFile(template: string, clients: number): string {
  const document = parseTemplate(template);
  const services = requireMap(document, 'services');
  const server = requireService(services, 'server', AGENCIES);
  const pattern = requireService(services, 'client', ID);

  replacePlaceholder(server, AGENCIES, clients === 0 ? undefined : String(clients));
  replacePattern(services, pattern, clients);
  return document.toString({ lineWidth: 0 });
}

/** The local paths in a compose file's bind mounts, in their original form. */
export function mountedFiles(compose: string): string[] {
  const { services } = parse(compose) as { services: Record<string, { volumes?: readonly Volume[] } | null> };
  const volumes = Object.values(services).flatMap((service) => service?.volumes ?? []);
  return volumes.flatMap((volume) => sourceOf(volume) ?? []);
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
  throw new ComposeFileError(`the template's service "${name}" says nowhere ${placeholder}`);
}

/** Inserts client1 … clientN in place of the pattern. */
function replacePattern(services: YAMLMap, pattern: YAMLMap, clients: number): void {
  const at = services.items.findIndex((pair) => pair.value === pattern);
  const [patternPair] = services.items.splice(at, 1);
  for (let id = 1; id <= clients; id++) {
    const name = `client${id}`;
    if (services.has(name)) throw new ComposeFileError(`the template has a service "${name}" of its own`);
    const pair = patternPair!.clone();
    (pair.key as Scalar).value = name;
    replacePlaceholder(pair.value as YAMLMap, ID, String(id));
    if (id > 1) dropComments(pair.value as YAMLMap, pair.key as Scalar);
    services.items.splice(at + id - 1, 0, pair);
  }
}

/** Replaces the placeholder by a value. Without a value, all entries with the placeholder are removed. */
function replacePlaceholder(service: YAMLMap, placeholder: string, value: string | undefined): void {
  if (value === undefined) return removePlaceholder(service, placeholder);
  visit(service, {
    Scalar(_key, scalar) {
      if (hasPlaceholder(scalar, placeholder)) scalar.value = scalar.value.replaceAll(placeholder, value);
    },
  });
}

function removePlaceholder(service: YAMLMap, placeholder: string): void {
  visit(service, {
    Pair: (_key, pair) => (hasPlaceholder(pair.value, placeholder) ? visit.REMOVE : undefined),
    Scalar: (key, scalar) =>
      typeof key === 'number' && hasPlaceholder(scalar, placeholder) ? visit.REMOVE : undefined,
  });
  visit(service, {
    Pair: (_key, pair) => (isCollection(pair.value) && pair.value.items.length === 0 ? visit.REMOVE : undefined),
  });
}

/** All clients are equal, so only the first one keeps its comments. */
function dropComments(service: YAMLMap, key: Scalar): void {
  key.commentBefore = null;
  visit(service, {
    Node(_key, node) {
      node.comment = null;
      node.commentBefore = null;
    },
  });
}

function hasPlaceholder(node: unknown, placeholder: string): node is Scalar<string> {
  return isScalar(node) && typeof node.value === 'string' && node.value.includes(placeholder);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.replace(/:$/, '');
}
