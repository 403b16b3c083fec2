/**
 * Calls back on the next turn of the event loop. Taken when the module is loaded, so that a test with a fake clock
 * stops its deadlines, and not its bytes.
 */
export const onNextTurn = setImmediate;
