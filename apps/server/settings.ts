import { hostname } from 'node:os';
import * as v from 'valibot';
import {
  bindAddress,
  filePath,
  hostNames,
  logLevel,
  milliseconds,
  networks,
  nonEmptyText,
  onOrOff,
  wholeNumber,
} from '../runtime/setting_schemas';
import { type SettingsOf, type SettingsTable } from '../runtime/settings';

/** A name for the page and the database; the host name of the machine if it is empty. */
const serverName = v.pipe(
  v.string(),
  v.trim(),
  v.maxLength(100, 'must have at most 100 characters'),
  v.transform((name) => (name === '' ? hostname() : name)),
);

/** The server's settings. config/server.ini documents them for the operator. */
export const SERVER_SETTINGS = {
  SERVER_PORT: { schema: wholeNumber(0, 65_535), fallback: '12345', about: 'the port to listen on; 0: any free port' },
  SERVER_IP: { schema: bindAddress, fallback: '0.0.0.0', about: 'the address to bind' },
  SERVER_LISTEN_BACKLOG: {
    schema: wholeNumber(1, 65_535),
    fallback: '4096',
    about: 'the maximum number of connections that wait to be accepted',
  },
  LOGGING_LEVEL: { schema: logLevel, fallback: 'INFO', about: 'DEBUG, INFO, WARNING, ERROR or CRITICAL' },
  SERVER_AGENCIES: { schema: wholeNumber(1, 1_000_000), fallback: '5', about: 'the number of agencies' },
  SERVER_DATA_DIR: { schema: filePath, fallback: './data', about: 'the directory of bets.csv and its journals' },
  SERVER_STORE: {
    schema: v.pipe(v.string(), v.trim(), v.picklist(['file', 'postgres'], 'must be file or postgres')),
    fallback: 'file',
    about: 'where the bets are stored: file or postgres',
  },
  SERVER_DATABASE_URL: {
    schema: nonEmptyText,
    fallback: undefined,
    about: 'the PostgreSQL database, as a URI of libpq',
    secret: true,
  },
  SERVER_DATABASE_PASSWORD_FILE: {
    schema: filePath,
    fallback: undefined,
    about: 'a file with the password for the database',
  },
  SERVER_DATABASE_CONNECTIONS: {
    schema: wholeNumber(2, 1000),
    fallback: '4',
    about: 'connections to the database',
  },
  SERVER_NAME: { schema: serverName, fallback: '', about: "this server's name beside others; empty: the host name" },
  SERVER_WINNING_NUMBER: { schema: wholeNumber(0, 9999), fallback: '7574', about: 'the winning number' },
  SERVER_DRAW_KEY_FILE: {
    schema: filePath,
    fallback: undefined,
    about: 'a file with the private Ed25519 key that signs the record of the draw; unset: no record',
  },
  SERVER_MAX_SESSIONS: {
    schema: wholeNumber(1, 1_000_000),
    fallback: '10000',
    about: 'the maximum number of open sessions; further ones are refused as busy',
  },
  SERVER_MESSAGE_TIMEOUT_MS: {
    schema: milliseconds(1),
    fallback: '10000',
    about: 'the time limit from the first byte of a message to its last; also for the receipt of a response',
  },
  SERVER_IDLE_TIMEOUT_MS: { schema: milliseconds(1), fallback: '60000', about: 'the time limit of a silent session' },
  SERVER_WAIT_HOLD_MS: { schema: milliseconds(0), fallback: '1000', about: 'the longest wait of an A for the draw' },
  SERVER_UNNAMED_TIMEOUT_MS: {
    schema: milliseconds(0),
    fallback: '10000',
    about: 'the time from the accept of a session to the last byte of its first message; 0: no limit',
  },
  SERVER_SESSION_LIFETIME_MS: {
    schema: milliseconds(0),
    fallback: '86400000',
    about: 'the longest time of a session; 0: no limit',
  },
  SERVER_ADDRESS_SESSIONS: {
    schema: wholeNumber(0, 1_000_000),
    fallback: '10000',
    about: 'the maximum number of open sessions of an address; 0: no limit',
  },
  SERVER_ADDRESS_CONNECTS_PER_SECOND: {
    schema: wholeNumber(0, 1_000_000),
    fallback: '500',
    about: 'new connections of an address a second; 0: no limit',
  },
  SERVER_ADDRESS_CONNECT_BURST: {
    schema: wholeNumber(1, 1_000_000),
    fallback: '10000',
    about: 'new connections of an address at once, after a pause',
  },
  SERVER_ADDRESS_BYTES_PER_SECOND: {
    schema: wholeNumber(0, 1_000_000_000_000),
    fallback: '100000000',
    about: "bytes of an address's messages a second; 0: no limit",
  },
  SERVER_ADDRESS_MESSAGES_PER_SECOND: {
    schema: wholeNumber(0, 1_000_000_000),
    fallback: '100000',
    about: 'messages of an address a second; 0: no limit',
  },
  SERVER_ADDRESS_REFUSALS_PER_MINUTE: {
    schema: wholeNumber(0, 1_000_000_000),
    fallback: '1000',
    about: 'sessions of an address that end with an E a minute; 0: no limit',
  },
  SERVER_AGENCY_SESSIONS: {
    schema: wholeNumber(0, 1_000_000),
    fallback: '100',
    about: 'with TLS, the maximum number of open sessions of an agency, from all its addresses; 0: no limit',
  },
  SERVER_AGENCY_CONNECTS_PER_SECOND: {
    schema: wholeNumber(0, 1_000_000),
    fallback: '10',
    about: 'with TLS, new sessions of an agency a second; 0: no limit',
  },
  SERVER_AGENCY_CONNECT_BURST: {
    schema: wholeNumber(1, 1_000_000),
    fallback: '100',
    about: 'with TLS, new sessions of an agency at once, after a pause',
  },
  SERVER_AGENCY_BYTES_PER_SECOND: {
    schema: wholeNumber(0, 1_000_000_000_000),
    fallback: '100000000',
    about: "with TLS, bytes of an agency's messages a second; 0: no limit",
  },
  SERVER_AGENCY_MESSAGES_PER_SECOND: {
    schema: wholeNumber(0, 1_000_000_000),
    fallback: '100000',
    about: 'with TLS, messages of an agency a second; 0: no limit',
  },
  SERVER_AGENCY_REFUSALS_PER_MINUTE: {
    schema: wholeNumber(0, 1_000_000_000),
    fallback: '100',
    about: 'with TLS, sessions of an agency that end with an E a minute; 0: no limit',
  },
  SERVER_PROXY_FROM: {
    schema: networks,
    fallback: '',
    about: 'the addresses and networks of proxies, which send PROXY headers, separated by commas',
  },
  SERVER_TLS: { schema: onOrOff, fallback: 'off', about: 'on: agencies connect by TLS, with a certificate' },
  SERVER_TLS_CERT_FILE: { schema: filePath, fallback: undefined, about: "the server's certificate (PEM)" },
  SERVER_TLS_KEY_FILE: { schema: filePath, fallback: undefined, about: 'the private key of that certificate (PEM)' },
  SERVER_TLS_CLIENT_CA_FILE: {
    schema: filePath,
    fallback: undefined,
    about: "the authorities of the agencies' certificates (PEM)",
  },
  SERVER_TLS_CRL_FILE: {
    schema: filePath,
    fallback: undefined,
    about: 'the revocation lists of these authorities (PEM)',
  },
  SERVER_STATUS_PORT: {
    schema: wholeNumber(0, 65_535),
    fallback: '0',
    about: 'the port of the status page; 0: no status page',
  },
  SERVER_STATUS_IP: {
    schema: bindAddress,
    fallback: '127.0.0.1',
    about: 'the address to bind for the status page',
  },
  SERVER_STATUS_HOSTS: {
    schema: hostNames,
    fallback: '',
    about: 'further host names of the status page, separated by commas',
  },
  SERVER_STATUS_TOKEN_FILE: {
    schema: filePath,
    fallback: undefined,
    about: 'a file with the token that the status page and the metrics need; unset: none',
  },
  SERVER_STATUS_TLS: {
    schema: onOrOff,
    fallback: undefined,
    about: 'on: the status page by https, with the certificate of SERVER_TLS; unset: as SERVER_TLS',
  },
} satisfies SettingsTable;

export type ServerSettings = SettingsOf<typeof SERVER_SETTINGS>;
