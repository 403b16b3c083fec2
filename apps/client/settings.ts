import * as v from 'valibot';
import {
  filePath,
  hostName,
  hostsAndPorts,
  logLevel,
  milliseconds,
  onOrOff,
  wholeNumber,
} from '../runtime/setting_schemas';
import { type Bet, findFaultInBet } from '../protocol/bet';
import { SettingsError, type SettingsOf, type SettingsTable } from '../runtime/settings';

const anyText = v.string();

/** The agency's settings; config/client.ini documents them for the operator. */
export const CLIENT_SETTINGS = {
  CLI_ID: { schema: wholeNumber(1, 1_000_000), fallback: '1', about: "the agency's id" },
  CLI_SERVER_ADDRESS: {
    schema: hostsAndPorts,
    fallback: 'server:12345',
    about: 'the server, host:port; several, separated by commas',
  },
  CLI_LOG_LEVEL: { schema: logLevel, fallback: 'INFO', about: 'DEBUG, INFO, WARNING, ERROR or CRITICAL' },
  CLI_DATA_FILE: {
    schema: filePath,
    fallback: '.data/agency-{id}.csv',
    about: "the file of bets; {id} is replaced by the agency's id",
  },
  CLI_BATCH_MAX_AMOUNT: {
    schema: wholeNumber(0, 1_000_000),
    fallback: '0',
    about: 'the maximum number of bets in a batch; 0: no limit except 8 kB',
  },
  CLI_WINDOW: { schema: wholeNumber(1, 1024), fallback: '64', about: 'the maximum number of batches in flight' },
  CLI_RETRY_LIMIT_MS: {
    schema: milliseconds(0),
    fallback: '60000',
    about: 'the time limit of the attempts to reach a server',
  },
  CLI_TLS: { schema: onOrOff, fallback: 'off', about: 'on: connects by TLS, with a certificate' },
  CLI_TLS_CA_FILE: {
    schema: filePath,
    fallback: undefined,
    about: "the authorities of the server's certificate (PEM)",
  },
  CLI_TLS_CERT_FILE: {
    schema: filePath,
    fallback: undefined,
    about: "the agency's certificate (PEM); {id} is replaced by the agency's id",
  },
  CLI_TLS_KEY_FILE: {
    schema: filePath,
    fallback: undefined,
    about: 'the private key of that certificate (PEM); {id} as above',
  },
  CLI_TLS_SERVER_NAME: {
    schema: hostName,
    fallback: undefined,
    about: "the name in the server's certificate, if it is not the host of CLI_SERVER_ADDRESS",
  },
  NOMBRE: { schema: anyText, fallback: undefined, about: "a single bet instead of a file: the person's first name" },
  APELLIDO: { schema: anyText, fallback: undefined, about: 'last name' },
  DOCUMENTO: { schema: anyText, fallback: undefined, about: 'document' },
  NACIMIENTO: { schema: anyText, fallback: undefined, about: 'birthdate, YYYY-MM-DD' },
  NUMERO: { schema: anyText, fallback: undefined, about: 'the number of the bet' },
} satisfies SettingsTable;

export type ClientSettings = SettingsOf<typeof CLIENT_SETTINGS>;

/** The path of the agency's file of bets. */
export function dataFileOf({ CLI_DATA_FILE, CLI_ID }: ClientSettings): string {
  return withId(CLI_DATA_FILE, CLI_ID);
}

/** The path with the agency's id in place of `{id}`. */
export function withId(path: string, id: number): string {
  return path.replaceAll('{id}', String(id));
}

/** The settings of a single bet. They contain personal data. */
export const BET_SETTINGS = ['NOMBRE', 'APELLIDO', 'DOCUMENTO', 'NACIMIENTO', 'NUMERO'] as const;

/**
 * The single bet of the settings, or undefined if none of its five settings is set.
 *
 * @throws SettingsError some of the five are missing, or a field is invalid.
 */
export function betOfSettings(settings: ClientSettings): Bet | undefined {
  const missing = BET_SETTINGS.filter((name) => settings[name] === undefined);
  if (missing.length === BET_SETTINGS.length) return undefined;
  if (missing.length > 0) {
    throw new SettingsError(`a bet needs ${BET_SETTINGS.join(', ')} together; not set: ${missing.join(', ')}`);
  }
  const bet: Bet = {
    firstName: settings.NOMBRE!,
    lastName: settings.APELLIDO!,
    document: settings.DOCUMENTO!,
    birthdate: settings.NACIMIENTO!,
    number: settings.NUMERO!,
  };
  const fault = findFaultInBet(bet);
  if (fault !== undefined) throw new SettingsError(`${BET_SETTINGS.join(', ')} make no bet: ${fault}`);
  return bet;
}
