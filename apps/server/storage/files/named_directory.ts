import { SettingsError } from '../../../runtime/settings';
import {
  StoreConflictError,
  StoreError,
  StoreLocationError,
  StoreStoppedError,
  StoreUnavailableError,
} from '../../domain/store_errors';

/** Runs `work` on the store of a directory, and adds the directory to the errors without it. */
export async function withNamedDirectory<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause instanceof StoreStoppedError) throw cause;
    const message = cause.message.includes(path) ? cause.message : `SERVER_DATA_DIR ${path}: ${cause.message}`;
    const isSetting = cause instanceof StoreConflictError || cause instanceof StoreLocationError;
    throw new (isSetting ? SettingsError : StoreUnavailableError)(message, { cause });
  }
}
