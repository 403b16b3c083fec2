'use strict';

/** The packages in the bundles of a build, by esbuild's metafile (https://esbuild.github.io/api/#metafile). */

/** The directory of a file's package; the last node_modules counts, because a package may have packages of its own. */
const PACKAGE = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;

/**
 * @param outputs the `outputs` of a metafile.
 * @returns the directories of the packages in each bundle, sorted, by the path of the bundle.
 */
function packagesOf(outputs) {
  const bundles = Object.entries(outputs).filter(([file]) => !file.endsWith('.map'));
  return Object.fromEntries(bundles.map(([file, { inputs }]) => [file, packagesIn(Object.keys(inputs))]));
}

function packagesIn(inputs) {
  const directories = inputs.flatMap((input) => PACKAGE.exec(input)?.[0] ?? []);
  return Array.from(new Set(directories)).sort();
}

module.exports = { packagesOf };
