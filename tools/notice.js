'use strict';

/**
 * The text NOTICE: name, version, licence and licence text of each bundled package. Their licences require that the text
 * goes with every copy, and a bundle has lost the files of its packages.
 */
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

/** Licences (SPDX) that allow a copy in any program, with the text as their condition. Another one needs a decision. */
const ALLOWED = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice)/i;

/** The section of a README, up to the next heading of any level. A few packages have their licence text there only. */
const README_SECTION = /^#+ *licen[cs]e *$\n([^]*?)(?=^#+ |(?![^]))/im;

/** The least text with a permission in it: a README may only name its licence. */
const PERMISSION = /permission is hereby granted|redistribution and use|permission to use, copy/i;

const RULE = '-'.repeat(80);

class LicenceError extends Error {
  name = 'LicenceError';
  code = 'LICENCE';
}

/**
 * @param project the name of the project and its licence.
 * @param directories the directories of the packages.
 * @throws LicenceError names each package without a licence in its package.json, with another one than the allowed
 *   ones, or without a licence text.
 */
function makeNotice(project, directories) {
  const packages = directories.map(readPackage).sort(byName);
  const unusable = packages.flatMap((found) => reasonAgainst(found) ?? []);
  if (unusable.length > 0) throw new LicenceError(`the NOTICE cannot be made: ${unusable.join('; ')}`);
  const entries = new Map(
    packages.map(({ id, licence, text }) => [`${id}`, `${RULE}\n${id}\nLicence: ${licence}\n\n${text}\n`]),
  );
  const head = `${project}\n\nThe programs contain the following packages (${entries.size}), each under its own licence.\n`;
  return [head, ...entries.values()].join('\n');
}

function readPackage(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  return { id: `${name} ${version}`, licence: license, text: licenceText(directory) };
}

function licenceText(directory) {
  const names = readdirSync(directory).sort();
  const read = (name) => tidy(readFileSync(join(directory, name), 'utf8'));
  const files = names.filter((name) => LICENCE_FILE.test(name)).map(read);
  if (files.length > 0) return files.join('\n\n');
  const readme = names.find((name) => /^readme(\.|$)/i.test(name));
  const section = readme === undefined ? '' : tidy(README_SECTION.exec(read(readme))?.[1] ?? '');
  return PERMISSION.test(section) ? section : '';
}

function tidy(text) {
  return text
    .replaceAll('\r', '')
    .replaceAll(/[ \t]+$/gm, '')
    .trim();
}

function reasonAgainst({ id, licence, text }) {
  if (typeof licence !== 'string') return `${id} names no licence`;
  if (!ALLOWED.includes(licence)) return `the licence of ${id}, ${licence}, is not one of ${ALLOWED.join(', ')}`;
  return text === '' ? `${id} has no licence text` : undefined;
}

function byName({ id: one }, { id: other }) {
  return one < other ? -1 : Number(one > other);
}

module.exports = { LicenceError, makeNotice };
