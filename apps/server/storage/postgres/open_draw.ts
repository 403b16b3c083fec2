import { injectable } from 'inversify';

/** The number of the current draw: set when the store is opened, and constant until its close. */
@injectable()
export class OpenDraw {
  private number: number | undefined;

  get id(): number {
    if (this.number === undefined) throw new Error('the store is not open');
    return this.number;
  }

  set id(id: number) {
    this.number = id;
  }
}
