/**
 * Tells the process that started this one (over the channel of `child_process.fork`) how far it is. Without such a
 * parent nothing happens; a parent that is gone is no error.
 */
export function tellParent(message: object): void {
  if (process.send === undefined || !process.connected) return;
  process.send(message, undefined, undefined, () => {});
}
