import { bindAddress, hostAndPort, logLevel, milliseconds, wholeNumber } from '../runtime/setting_schemas';
import { type SettingsOf, type SettingsTable } from '../runtime/settings';

export const ECHO_SERVER_SETTINGS = {
  ECHO_PORT: { schema: wholeNumber(0, 65_535), fallback: '12345', about: 'the port to listen on; 0: any free port' },
  ECHO_IP: { schema: bindAddress, fallback: '0.0.0.0', about: 'the address to bind' },
  LOGGING_LEVEL: { schema: logLevel, fallback: 'INFO', about: 'DEBUG, INFO, WARNING, ERROR or CRITICAL' },
} satisfies SettingsTable;

export type EchoServerSettings = SettingsOf<typeof ECHO_SERVER_SETTINGS>;

export const ECHO_CLIENT_SETTINGS = {
  CLI_ID: { schema: wholeNumber(1, 1_000_000), fallback: '1', about: 'the id in the messages' },
  CLI_SERVER_ADDRESS: { schema: hostAndPort, fallback: 'echo:12345', about: 'the echo server, host:port' },
  CLI_LOOP_AMOUNT: { schema: wholeNumber(1, 1_000_000), fallback: '5', about: 'the number of messages' },
  CLI_LOOP_PERIOD_MS: { schema: milliseconds(0), fallback: '5000', about: 'the pause between two messages' },
  CLI_LOG_LEVEL: { schema: logLevel, fallback: 'INFO', about: 'DEBUG, INFO, WARNING, ERROR or CRITICAL' },
} satisfies SettingsTable;

export type EchoClientSettings = SettingsOf<typeof ECHO_CLIENT_SETTINGS>;
