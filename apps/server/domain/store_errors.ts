/** What keeps the bets could not do what it was asked to. */
export abstract class StoreError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Something could not be written; nothing of it stays, and the next try may succeed. */
export class StoreWriteError extends StoreError {
  readonly code = 'STORE_WRITE_FAILED';
}

/**
 * A flush failed, or a failed write could not be taken back: what the disk holds is not known any more (after a failed
 * fsync the kernel may have dropped the pages, see fsync(2)). Or the files were removed or replaced: nobody will find
 * what is written to them. Nothing is stored from here on.
 */
export class StoreBrokenError extends StoreError {
  readonly code = 'STORE_BROKEN';
}

/** A batch that does not follow the bets stored before it: one before it failed, or somebody else stored meanwhile. */
export class BatchOutOfSequenceError extends StoreError {
  readonly code = 'BATCH_OUT_OF_SEQUENCE';
}

/** The files are not as any crash leaves them: damaged, cut or not this program's. They are left as they are. */
export class StoreDamagedError extends StoreError {
  readonly code = 'STORE_DAMAGED';
}

/** The files cannot be opened or read. */
export class StoreUnavailableError extends StoreError {
  readonly code = 'STORE_UNAVAILABLE';
}

/** What should be the store's directory is none, or may not be used. */
export class StoreLocationError extends StoreError {
  readonly code = 'STORE_DIRECTORY_UNUSABLE';
}

/** The server stops: what was begun was given up, and can be begun again. */
export class StoreStoppedError extends StoreError {
  readonly code = 'STORE_STOPPED';
}

/** Another server uses the directory. */
export class StoreInUseError extends StoreError {
  readonly code = 'STORE_IN_USE';
}

/** The store belongs to another draw: other agencies, or another winning number. */
export class StoreConflictError extends StoreError {
  readonly code = 'STORE_CONFLICT';
}
