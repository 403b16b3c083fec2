import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The path of a file of test/support/certificates, which `make.sh` describes. `name` has no extension. */
export function certificateFile(name: string): string {
  return join(__dirname, 'certificates', `${name}.pem`);
}

/** The content of a file of test/support/certificates. */
export function pem(name: string): string {
  return readFileSync(certificateFile(name), 'utf8');
}

/** A certificate and its key. */
export function identity(name: string): { readonly key: string; readonly cert: string } {
  return { key: pem('key'), cert: pem(name) };
}
