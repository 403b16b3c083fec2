import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of test/support/certificates, without its extension. `make.sh` there says what each one is. */
export function pem(name: string): string {
  return readFileSync(join(__dirname, 'certificates', `${name}.pem`), 'utf8');
}

/** A certificate and its key. */
export function identity(name: string): { readonly key: string; readonly cert: string } {
  return { key: pem('key'), cert: pem(name) };
}
