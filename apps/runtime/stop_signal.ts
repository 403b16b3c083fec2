const controller = new AbortController();

// From here on a signal does not end the process: it is for the program to end in good order.
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => controller.abort(name));

/**
 * Fires at the first SIGTERM or SIGINT, whose name is its reason. Later ones change nothing: the end is under way, and
 * bounded.
 *
 * It listens from the moment that this module is loaded, which is why it is a program's first import: a container's
 * first process ignores a signal that it does not listen for, and would be killed when its time is up.
 */
export const stopSignal: AbortSignal = controller.signal;
