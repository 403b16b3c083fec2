import {
  type HandshakeFailedError,
  ListenSocket,
  type ListenSocketOptions,
  type PeerSocket,
  TlsOptionsError,
} from '../../../lib/index';
import { type ProtocolError } from '../../protocol/protocol_error';
import { type ActionLog, describePeer } from '../../runtime/action_log';
import { SettingsError } from '../../runtime/settings';
import { type TlsFile, TlsFileError } from '../../runtime/tls_files';
import { type TlsActivity } from '../stats/tls_activity';
import { AcceptedCertificates } from './accepted_certificates';
import { type CertificateFault, checkCertificate } from './certificate_check';
import { FileChanges } from './file_changes';
import { HandshakeLog } from './handshake_log';
import { readServerTls, readServerTlsAtStart, type ServerTlsContent, type ServerTlsFiles } from './tls_settings';
import { type PeerCheck, type ServerIdentity, type Transport } from './transport';

/** The bounds of the handshakes. */
export interface HandshakeBounds {
  readonly timeoutMs: number;
  /** The number of handshakes at once. */
  readonly most: number;
}

const POLL_MS = 1_000;
const DAY_MS = 86_400_000;
/** The log has a warning once a day in the last days of a certificate or list, of a list in the last half of its time. */
const WARNING_DAYS = 14;

/**
 * TLS 1.3 with a certificate of each agency. Changed files are used for the connections that come after the change; open
 * sessions end if their certificates are accepted no longer.
 */
export class TlsTransport implements Transport {
  private readonly handshakeLog: HandshakeLog;
  private readonly changes: FileChanges;
  private content: ServerTlsContent;
  private accepted: AcceptedCertificates;
  private recheck: (refusalOf: PeerCheck) => void = () => {};
  private listener: ListenSocket | undefined;
  private dayTimer: NodeJS.Timeout | undefined;
  private readonly reload = (): void => this.readAgain();

  /** @throws SettingsError a file cannot be used. */
  constructor(
    private readonly listenOptions: ListenSocketOptions,
    private readonly files: ServerTlsFiles,
    private readonly bounds: HandshakeBounds,
    private readonly activity: TlsActivity,
    private readonly log: ActionLog,
  ) {
    this.handshakeLog = new HandshakeLog(log);
    const { certificate, key, clientCa, revocations } = files;
    const paths = [certificate, key, clientCa, revocations].flatMap((file) => file?.path ?? []);
    this.changes = new FileChanges(paths, this.reload);
    this.content = readServerTlsAtStart(files);
    this.accepted = new AcceptedCertificates(this.content.authorities, this.content.revocationLists);
    this.activity.expiry = this.content.expiry;
  }

  get identity(): ServerIdentity {
    return this.content.identity;
  }

  /** @throws SettingsError the files are valid, and OpenSSL cannot use them. */
  createListener(): ListenSocket {
    try {
      this.listener = new ListenSocket({
        ...this.listenOptions,
        tls: this.content.options,
        handshakeTimeoutMs: this.bounds.timeoutMs,
        maxHandshaking: this.bounds.most,
        onHandshakeError: (error) => this.onHandshakeError(error),
      });
    } catch (cause) {
      if (!(cause instanceof TlsOptionsError)) throw cause;
      throw new SettingsError(cause.message, { cause });
    }
    return this.listener;
  }

  start(recheck: (refusalOf: PeerCheck) => void): void {
    this.recheck = recheck;
    this.changes.start(POLL_MS);
    process.on('SIGHUP', this.reload);
    this.warnOfExpiry();
    this.dayTimer = setInterval(() => this.warnOfExpiry(), DAY_MS).unref();
  }

  close(): void {
    this.changes.stop();
    process.off('SIGHUP', this.reload);
    clearInterval(this.dayTimer);
    this.handshakeLog.close();
  }

  agencyOf(peer: PeerSocket): number | ProtocolError {
    const agency = checkCertificate(peer.tls);
    // The handshake may have begun before a change of the files.
    const result =
      typeof agency === 'number' ? (this.accepted.refusalOf(peer.tls!.peerCertificate!) ?? agency) : agency;
    if (typeof result === 'number') return result;
    const { ip } = describePeer(peer);
    this.onFailure(result.fault, ip, result.refusal.detail);
    return result.refusal;
  }

  private onHandshakeError(error: HandshakeFailedError): void {
    const { ip } = describePeer({ remoteAddress: error.remote });
    this.onFailure(error.reason, ip, error.message);
  }

  private onFailure(reason: CertificateFault, ip: string | number | undefined, error: string): void {
    this.activity.handshakeFailed(reason);
    this.handshakeLog.add(ip?.toString(), error);
  }

  /** Uses the present content of the files. After a fault in it, the content before stays in use. */
  private readAgain(): void {
    try {
      const content = readServerTls(this.files);
      this.listener!.setSecureContext(content.options);
      this.content = content;
      this.accepted = new AcceptedCertificates(content.authorities, content.revocationLists, this.accepted);
    } catch (error) {
      if (!(error instanceof TlsFileError || error instanceof TlsOptionsError)) throw error;
      this.activity.failedReloads++;
      this.log.error('tls_files', 'fail', { error: error.message });
      return;
    }
    this.activity.expiry = this.content.expiry;
    this.activity.reloads++;
    this.log.info('tls_files', 'success', { valid_to: this.content.expiry.certificate.toISOString() });
    this.warnOfExpiry();
    const { accepted } = this;
    this.recheck(({ tls }) => accepted.refusalOf(tls!.peerCertificate!)?.refusal);
  }

  private warnOfExpiry(): void {
    const { certificate, clientCa } = this.content.expiry;
    this.warnOfEnd(this.files.certificate, certificate);
    this.warnOfEnd(this.files.clientCa, clientCa);
    for (const { thisUpdate, nextUpdate } of this.content.revocationLists) {
      if (nextUpdate === undefined) continue;
      const halfMs = (nextUpdate.getTime() - thisUpdate.getTime()) / 2;
      this.warnOfEnd(this.files.revocations!, nextUpdate, Math.min(WARNING_DAYS, halfMs / DAY_MS));
    }
  }

  private warnOfEnd({ setting, path }: TlsFile, end: Date, warningDays = WARNING_DAYS): void {
    const days = (end.getTime() - Date.now()) / DAY_MS;
    if (days >= warningDays) return;
    this.log.warning('tls_expiry', 'fail', { setting, file: path, days: Math.floor(days) });
  }
}
