import { expect } from 'chai';

import { outputOf } from './command';

/** Programs of the base image that no program of the lottery uses. */
const UNUSED = ['npm', 'npx', 'corepack', 'yarn', 'apt', 'apt-get', 'dpkg', 'perl', 'docker-entrypoint.sh'];

interface Bill {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } };
  readonly components: readonly { readonly name: string; readonly version: string }[];
}

/**
 * Requires a numeric user, the OCI labels, the licences and the bill of materials of the bundled packages in an image,
 * and neither package managers nor setuid programs.
 */
export async function requireOwnParts(image: string, title: string): Promise<void> {
  const config = JSON.parse(await outputOf('docker', ['image', 'inspect', '--format', '{{json .Config}}', image])) as {
    User: string;
    Labels: Record<string, string>;
  };
  expect(config.User, image).to.equal('1000:1000');
  const labelOf = (name: string) => config.Labels[`org.opencontainers.image.${name}`];
  expect([labelOf('title'), labelOf('licenses')], image).to.deep.equal([title, 'MIT']);
  expect(labelOf('description'), image).to.match(/\blottery\b.*\.$/);

  const bill = JSON.parse(await run(image, 'cat', 'sbom.cdx.json')) as Bill;
  expect(bill, image).to.include({ bomFormat: 'CycloneDX' });
  expect(bill.metadata.component, image).to.include({ name: title, version: labelOf('version') });
  expect(bill.components, image).to.have.length.greaterThan(1);
  const notice = (await run(image, 'cat', 'NOTICE')).split('\n');
  expect(notice, image).to.include.members(bill.components.map(({ name, version }) => `${name} ${version}`));

  expect(await run(image, 'sh', '-c', `command -v ${UNUSED.join(' ')}; true`), image).to.equal('');
  expect(await run(image, 'find', '/', '-xdev', '-type', 'f', '-perm', '/6000'), image).to.equal('');
}

/** The output of a command in a new container, as root: every file is visible. */
async function run(image: string, command: string, ...args: string[]): Promise<string> {
  return outputOf('docker', [
    'run',
    '--rm',
    '--user',
    '0',
    '--network',
    'none',
    '--entrypoint',
    command,
    image,
    ...args,
  ]);
}
