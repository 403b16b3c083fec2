import { stopSignal } from '../runtime/stop_signal';
import { type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseCanonicalNumber } from '../protocol/canonical_number';
import { SettingsError } from '../runtime/settings';
import { type StoredDraw } from './domain/stored_draw';
import { readAgencyFile } from './evidence/agency_file';
import { requireAgencyBets, requireSignature, requireStoredBets } from './evidence/draw_audit';
import { readVerificationKey } from './evidence/draw_keys';
import { FoundBets } from './evidence/found_bets';
import { type DrawStatement, readSignedDraw } from './evidence/signed_draw';
import { parseDraw } from './process/draw_option';
import { type CommandContext, runServerCommand } from './process/server_command';
import { AgencyRuns } from './storage/agency_runs';
import { withNamedDirectory } from './storage/files/named_directory';
import { readStoredDraw } from './storage/files/stored_draw';
import type * as databaseUse from './storage/postgres/database_use';
import type * as databaseDraw from './storage/postgres/stored_draw';
import type * as databaseRows from './storage/postgres/stored_rows';

/** `make verify`: compares a store, or an agency's own file, with the signed record of the draw. It changes nothing. */
void runServerCommand(
  {
    name: 'lottery-verify',
    about: "compares the stored bets and winners, or an agency's own file, with the signed record of the draw.",
    settings: ['SERVER_STORE', 'SERVER_DATA_DIR', 'SERVER_DATABASE_URL', 'SERVER_DATABASE_PASSWORD_FILE'],
    options: {
      key: { about: 'FILE has the public key, Ed25519 in PEM (required)' },
      record: { about: 'FILE has the signed record; default: that of the store' },
      agency: { about: 'ID compares the file of this agency instead of a store, with --file and --record' },
      file: { about: "FILE is the agency's own file of bets" },
      draw: { about: 'N compares the draw of this number instead of the current one (SERVER_STORE=postgres)' },
    },
    run: (context) => verify(context),
  },
  stopSignal,
);

async function verify(context: CommandContext): Promise<void> {
  const { key: keyFile, agency, file } = context.options;
  if (keyFile === undefined) throw new SettingsError('--key FILE is required: the public key of the record');
  const key = readVerificationKey('--key', keyFile);
  if (agency === undefined && file === undefined) await verifyStore(context, key);
  else await verifyAgency(context, key);
}

async function verifyAgency({ options, print }: CommandContext, key: KeyObject): Promise<void> {
  const { agency: id, file, record } = options;
  const agency = parseCanonicalNumber(id ?? '');
  if (agency === undefined || file === undefined || record === undefined) {
    throw new SettingsError("an agency's file is compared with --agency ID, --file FILE and --record FILE together");
  }
  const statement = readStatement(await readRecordFile(record), record, key);
  const found = new FoundBets(statement.number);
  for await (const batch of readAgencyFile(file, agency)) found.add(batch);
  const { bets, winners } = found.stateOf(agency);
  requireAgencyBets(statement, found.stateOf(agency));
  print(
    `agency ${agency}: the ${bets} bets of ${file} are those of the draw with the number ${statement.number}; ` +
      `${winners.length} of them win`,
  );
}

async function verifyStore(context: CommandContext, key: KeyObject): Promise<void> {
  const { settings, options, stop } = context;
  const draw = parseDraw(settings, options['draw']);
  if (settings.SERVER_STORE === 'file') {
    const { SERVER_DATA_DIR: directory } = settings;
    await withNamedDirectory(directory, async () =>
      verifyStoredDraw(await readStoredDraw(directory, stop), directory, context, key),
    );
    return;
  }
  // The packages of the database are loaded at these calls: with a store in files they are not needed.
  /* eslint-disable @typescript-eslint/no-require-imports */
  const { useDatabase } = require('./storage/postgres/database_use') as typeof databaseUse;
  const { findDraw } = require('./storage/postgres/stored_rows') as typeof databaseRows;
  const { readStoredDraw: readDraw } = require('./storage/postgres/stored_draw') as typeof databaseDraw;
  /* eslint-enable @typescript-eslint/no-require-imports */
  await useDatabase(settings, async (database) => {
    const number = await findDraw(database, draw);
    await verifyStoredDraw(await readDraw(database, number, stop), database.address, context, key);
  });
}

async function verifyStoredDraw(
  store: StoredDraw,
  place: string,
  { options, print }: CommandContext,
  key: KeyObject,
): Promise<void> {
  const { record } = options;
  const text = record === undefined ? store.evidence : await readRecordFile(record);
  if (text === undefined) {
    throw new SettingsError(
      `${place} has no signed record: its draw is not held, or no server had SERVER_DRAW_KEY_FILE`,
    );
  }
  const statement = readStatement(text, record ?? place, key);
  const found = new FoundBets(statement.number);
  const runs = new AgencyRuns();
  for await (const piece of store.readRows()) for (const { batch } of runs.take(piece)) found.add(batch);
  runs.requireComplete();
  requireStoredBets(statement, store, found);
  const { number, agencies } = statement;
  const bets = agencies.reduce((sum, agency) => sum + agency.bets, 0);
  const winners = agencies.reduce((sum, agency) => sum + agency.winners.length, 0);
  print(
    `${place}: the ${bets} bets of ${agencies.length} agencies are those of the draw with the number ${number}; ` +
      `${winners} of them win`,
  );
}

/** The statement of a record whose signature is valid. */
function readStatement(text: string, place: string, key: KeyObject): DrawStatement {
  let signed;
  try {
    signed = readSignedDraw(text);
  } catch (cause) {
    throw new SettingsError(`the record of ${place} cannot be used: ${(cause as Error).message}`, { cause });
  }
  requireSignature(signed, key);
  return signed.statement;
}

async function readRecordFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new SettingsError(`--record ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
