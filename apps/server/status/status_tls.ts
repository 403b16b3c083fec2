import { SettingsError } from '../../runtime/settings';
import { type ServerSettings } from '../settings';

/**
 * Whether the status server uses TLS: by default with SERVER_TLS.
 *
 * @throws SettingsError SERVER_STATUS_TLS is on without SERVER_TLS: there is no certificate.
 */
export function statusUsesTls({
  SERVER_TLS: serverTls,
  SERVER_STATUS_TLS: statusTls = serverTls,
}: Pick<ServerSettings, 'SERVER_TLS' | 'SERVER_STATUS_TLS'>): boolean {
  if (statusTls && !serverTls) throw new SettingsError('SERVER_STATUS_TLS is on, and needs SERVER_TLS = on');
  return statusTls;
}
