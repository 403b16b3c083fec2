import { isMap, isScalar, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';

/**
 * Applies a JSON Merge Patch (RFC 7396) to a YAML mapping, in place. A mapping is merged into the mapping of the same
 * name, null removes the entry, any other value replaces it. New entries are appended. An entry keeps the comment before
 * its key unless the patch has another one.
 */
export function applyMergePatch(target: YAMLMap, patch: YAMLMap): void {
  giveCommentToFirstKey(patch);
  for (const change of patch.items as Pair<Scalar, Node | null>[]) {
    const { key, value } = change;
    if (value === null || (isScalar(value) && value.value === null)) {
      target.delete(key);
      continue;
    }
    const entry = target.items.find((pair) => isScalar(pair.key) && pair.key.value === key.value);
    const merged = isMap(value) ? mergedMap(entry?.value, value) : value;
    if (entry === undefined) {
      target.items.push(Object.assign(change, { value: merged }));
      continue;
    }
    entry.value = merged;
    if (key.commentBefore) (entry.key as Scalar).commentBefore = key.commentBefore;
  }
}

/** The parser takes a comment before the first key for one of the whole mapping, whose first entry may be another one. */
function giveCommentToFirstKey(map: YAMLMap): void {
  const key = map.items[0]?.key;
  if (!isScalar(key) || !map.commentBefore) return;
  key.commentBefore = map.commentBefore;
  map.commentBefore = null;
}

function mergedMap(current: unknown, patch: YAMLMap): YAMLMap {
  const merged = isMap(current) ? current : emptyCopy(patch);
  applyMergePatch(merged, patch);
  return merged;
}

/** An empty mapping in the style of the other one. */
function emptyCopy(map: YAMLMap): YAMLMap {
  const copy = map.clone() as YAMLMap;
  copy.items = [];
  copy.commentBefore = null;
  return copy;
}
