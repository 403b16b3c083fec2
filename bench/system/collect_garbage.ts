/** Preloaded into a server (`node --expose-gc -r`): SIGUSR2 collects garbage, for a measurement of the live memory. */
process.on('SIGUSR2', () => void globalThis.gc?.());
