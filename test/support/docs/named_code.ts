import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './markdown';

const CODE_FOLDERS = ['lib', 'apps', 'tools', 'test', 'bench', 'examples'];
const CODE_NAME = /^[A-Za-z_]\w*$/;
const FILE_NAME = /^[\w./-]*\w[.](?:ts|js|css|html|sql|json|py)$/;

/** A name in the code and the file that must contain it, as a page says: "`NAME` of `FILE`". */
export interface NamedCode {
  readonly name: string;
  readonly file: string;
}

/** The pairs "`NAME`, `NAME` and `NAME` of `FILE`" of a page, and "`FILE` (`NAME`, `NAME`)". */
export function namedCodeOf(page: string): readonly NamedCode[] {
  const names = '((?:`[^`]+`(?:, | and )?)+)';
  const before = Array.from(page.matchAll(new RegExp(`${names} (?:of|in) \`([^\`]+)\``, 'g')), ([, list, file]) => [
    list,
    file,
  ]);
  const behind = Array.from(page.matchAll(new RegExp(`\`([^\`]+)\` \\(${names}\\)`, 'g')), ([, file, list]) => [
    list,
    file,
  ]);
  return [...before, ...behind].flatMap(([list, file]) =>
    FILE_NAME.test(file!)
      ? Array.from(list!.matchAll(/`([^`]+)`/g), ([, name]) => name!)
          .filter((name) => CODE_NAME.test(name))
          .map((name) => ({ name, file: file! }))
      : [],
  );
}

/** The names of files in a page: a whole path, its end, or the name alone. A name with `NAME` is a pattern. */
export function namedFilesOf(page: string): readonly string[] {
  const names = Array.from(page.matchAll(/`([^`\n]+)`/g), ([, name]) => name!);
  return names.filter(
    (name) => /[.](?:ts|css|html|sql)$/.test(name) && FILE_NAME.test(name) && !/^[.]|NAME/.test(name),
  );
}

/** The files of the project's code whose path ends with `name`. */
export function filesNamed(name: string): readonly string[] {
  return codeFiles().filter((file) => file === name || file.endsWith(`/${name}`));
}

/** Whether a file with this name contains the word. */
export function hasWord({ name, file }: NamedCode): boolean {
  const word = new RegExp(`\\b${name}\\b`);
  return filesNamed(file).some((path) => word.test(readFileSync(join(ROOT, path), 'utf8')));
}

let files: readonly string[] | undefined;

function codeFiles(): readonly string[] {
  files ??= CODE_FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  ).concat(readdirSync(ROOT));
  return files;
}
