import { CodedError } from '../../runtime/coded_error';

/** The base class of the store's errors. */
export abstract class StoreError extends CodedError {}

/** A write failed. Nothing of it remains, unless a subclass documents another effect; the next attempt may succeed. */
export class StoreWriteError extends StoreError {
  readonly code: string = 'STORE_WRITE_FAILED';
}

/**
 * The state of the disk is unknown after a failed flush or a failed rollback: after a failed fsync the kernel may have
 * dropped the pages (fsync(2)). Or the files were removed or replaced, so that writes would be lost. The store accepts
 * no more writes.
 */
export class StoreBrokenError extends StoreError {
  readonly code = 'STORE_BROKEN';
}

/** The batch does not follow the stored bets: an earlier batch failed, or another session stored bets meanwhile. */
export class BatchOutOfSequenceError extends StoreError {
  readonly code = 'BATCH_OUT_OF_SEQUENCE';
}

/** A newer session of the agency has claimed it, on this server or on another one. */
export class ClaimSupersededError extends StoreError {
  readonly code = 'CLAIM_SUPERSEDED';
}

/** The files are in a state that no crash leaves: damaged, truncated or foreign. They are not changed. */
export class StoreDamagedError extends StoreError {
  readonly code = 'STORE_DAMAGED';
}

/** The files cannot be opened or read, or the database cannot be reached. */
export class StoreUnavailableError extends StoreError {
  readonly code: string = 'STORE_UNAVAILABLE';
}

/** The path of the store is no directory, or access to it is denied. */
export class StoreLocationError extends StoreError {
  readonly code = 'STORE_DIRECTORY_UNUSABLE';
}

/** A stop of the server ended the operation. It can be repeated. */
export class StoreStoppedError extends StoreError {
  readonly code = 'STORE_STOPPED';
}

/** Another server uses the directory. */
export class StoreInUseError extends StoreError {
  readonly code = 'STORE_IN_USE';
}

/** The store belongs to another draw: another number of agencies, or another winning number. */
export class StoreConflictError extends StoreError {
  readonly code = 'STORE_CONFLICT';
}

/** The store's schema is missing, or of another version than this program's. The message has both versions and the next step. */
export class StoreSchemaError extends StoreError {
  readonly code = 'STORE_SCHEMA_UNKNOWN';
}
