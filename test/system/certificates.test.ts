import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { App, type AppEnd } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';

describe('make certificates', function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  const run = async (...args: string[]): Promise<AppEnd & { app: App }> => {
    const app = new App('certificates', { cwd: sandbox.directory, args });
    return { ...(await app.end()), app };
  };
  const directory = (): string => sandbox.path('.data/certificates');
  const certificate = async (name: string): Promise<X509Certificate> =>
    new X509Certificate(await readFile(join(directory(), `${name}.pem`)));

  it('makes an authority, a revocation list, and the certificates of the server and each agency', async () => {
    const { code, app } = await run('--agencies', '2');

    expect(code, app.stderr).to.equal(0);
    expect(app.lines).to.deep.equal(['.data/certificates: 9 files for a server and 2 agencies']);
    const names = ['agency-1', 'agency-2', 'ca', 'server'];
    const files = [...names.flatMap((name) => [`${name}.key.pem`, `${name}.pem`]), 'crl.pem'].sort();
    expect((await readdir(directory())).sort()).to.deep.equal(files);
    const authority = await certificate('ca');
    expect(authority.ca).to.equal(true);
    createSecureContext({ crl: await readFile(join(directory(), 'crl.pem')) });
    const held: Record<string, string | undefined> = {};
    for (const name of ['server', 'agency-1', 'agency-2']) {
      const issued = await certificate(name);
      expect(issued.verify(authority.publicKey), name).to.equal(true);
      held[name] = issued.subjectAltName;
    }
    const numbered = Array.from({ length: 20 }, (_, index) => `DNS:server${index + 1}`).join(', ');
    expect(held).to.deep.equal({
      server: `DNS:server, ${numbered}, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1`,
      'agency-1': 'URI:urn:lottery:agency:1',
      'agency-2': 'URI:urn:lottery:agency:2',
    });
  });

  it('lets only the owner read the keys and enter the directory', async () => {
    await run('--agencies', '1');

    expect((await stat(directory())).mode & 0o777).to.equal(0o700);
    const modes: Record<string, number> = {};
    for (const file of await readdir(directory())) {
      if (file.endsWith('.key.pem')) modes[file] = (await stat(join(directory(), file))).mode & 0o777;
    }
    expect(modes).to.deep.equal({ 'agency-1.key.pem': 0o600, 'ca.key.pem': 0o600, 'server.key.pem': 0o600 });
  });

  it('leaves a directory with files as it is', async () => {
    await run('--agencies', '1');
    const before = await readFile(join(directory(), 'ca.pem'), 'utf8');
    const files = await readdir(directory());

    const { code, app } = await run('--agencies', '3');

    expect(code).to.equal(2);
    expect(app.stderr).to.equal(
      'certificates: .data/certificates has files already: remove it, or choose another DIR\n',
    );
    expect(await readdir(directory())).to.deep.equal(files);
    expect(await readFile(join(directory(), 'ca.pem'), 'utf8')).to.equal(before);
  });

  it('refuses an impossible number of agencies', async () => {
    const { code, app } = await run('--agencies', 'many');

    expect(code).to.equal(2);
    expect(app.stderr).to.match(/^certificates: AGENCIES must be a whole number from 1 to 100000, but is "many"\n$/);
  });
});
