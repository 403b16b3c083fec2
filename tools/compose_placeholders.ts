import { isCollection, isScalar, type Pair, type Scalar, visit, YAMLMap } from 'yaml';

/** Whether a node is a text with the placeholder. */
export function hasPlaceholder(node: unknown, placeholder: string): node is Scalar<string> {
  return isScalar(node) && typeof node.value === 'string' && node.value.includes(placeholder);
}

/** Replaces the placeholder by a value. Without a value, all entries with the placeholder are removed. */
export function replacePlaceholder(service: YAMLMap, placeholder: string, value: string | undefined): void {
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

/**
 * Repeats each entry of a mapping with the placeholder in its key, and each line of a text with the placeholder. The
 * copies have 1 to count in its place.
 */
export function repeatPlaceholder(map: YAMLMap, placeholder: string, count: number): void {
  visit(map, {
    Map(_key, node) {
      node.items = node.items.flatMap((pair) => repeatEntry(pair, placeholder, count));
    },
    Scalar(_key, scalar) {
      if (hasPlaceholder(scalar, placeholder)) scalar.value = repeatLines(scalar.value, placeholder, count);
    },
  });
}

function repeatEntry(pair: Pair, placeholder: string, count: number): Pair[] {
  if (!hasPlaceholder(pair.key, placeholder)) return [pair];
  return upTo(count).flatMap((number) => {
    const copy = new YAMLMap();
    copy.items.push(pair.clone());
    replacePlaceholder(copy, placeholder, number);
    return copy.items;
  });
}

function repeatLines(text: string, placeholder: string, count: number): string {
  const lines = text.split('\n');
  const repeated = lines.flatMap((line) =>
    line.includes(placeholder) ? upTo(count).map((number) => line.replaceAll(placeholder, number)) : [line],
  );
  return repeated.join('\n');
}

function upTo(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1));
}
