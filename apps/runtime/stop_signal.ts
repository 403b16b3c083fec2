const controller = new AbortController();

// A signal no longer ends the process from here on; the program ends in an orderly way.
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => controller.abort(name));

/**
 * Fires at the first SIGTERM or SIGINT, with the signal's name as its reason. Later signals change nothing: the end is
 * in progress, and bounded.
 *
 * The listeners are installed when this module is loaded, so it is a program's first import. A container's first
 * process ignores signals without a listener, and would be killed at the end of its grace period.
 */
export const stopSignal: AbortSignal = controller.signal;
