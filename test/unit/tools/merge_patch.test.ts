import { expect } from 'chai';
import { parse, parseDocument, type YAMLMap } from 'yaml';
import { applyMergePatch } from '../../../tools/merge_patch';

function patched(target: string, patch: string): string {
  const document = parseDocument(target);
  applyMergePatch(document.contents as YAMLMap, parseDocument(patch).contents as YAMLMap);
  return document.toString();
}

describe('a merge patch of YAML', () => {
  // The examples of RFC 7396, appendix A, with an object as the target and as the patch.
  for (const [target, patch, result] of [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ] as const) {
    it(`makes ${result} of ${target} by ${patch}`, () => {
      expect(JSON.stringify(parse(patched(target, patch)))).to.equal(result);
    });
  }

  it('keeps comments and order, and appends new entries with their comments', () => {
    const target = `# head
a:
  # of b
  b: 1
  # of c
  c: 2 # why
  d: 3
e: 4
`;
    const patch = `a:
  # new
  f: 5
  d: null
  # of c, patched
  c:
    # inner
    g: 6
e: 7
`;
    expect(patched(target, patch)).to.equal(`# head
a:
  # of b
  b: 1
  # of c, patched
  c:
    # inner
    g: 6
  # new
  f: 5
e: 7
`);
  });
});
