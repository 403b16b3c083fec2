import { ContainerModule } from 'inversify';
import { TOKENS } from '../../tokens';
import { AgencyEpochs } from './agency_epochs';
import { FileBetRepository } from './bets/file_bet_repository';
import { DiskDirectory } from './disk/file_system';
import { StoreHealth } from './disk/store_health';
import { FileDrawRecord } from './file_draw_record';
import { FileFinishTracker } from './file_finish_tracker';
import { FileLotteryOverview } from './file_lottery_overview';
import { FileStore } from './file_store';

/** Binds the store in the files of `directory`. */
export function createFilesModule(directory: string): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(TOKENS.StoreDirectory).toConstantValue(new DiskDirectory(directory));
    bind(TOKENS.StoreHealth).to(StoreHealth);
    bind(TOKENS.AgencyEpochs).to(AgencyEpochs);
    bind(TOKENS.BetRepository).to(FileBetRepository);
    bind(TOKENS.FinishTracker).to(FileFinishTracker);
    bind(TOKENS.DrawRecord).to(FileDrawRecord);
    bind(TOKENS.LotteryOverview).to(FileLotteryOverview);
    bind(TOKENS.Store).to(FileStore);
  });
}
