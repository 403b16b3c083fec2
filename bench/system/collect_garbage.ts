/** Loaded before a server (`node --expose-gc -r`): SIGUSR2 collects garbage, so that what is left is what is held. */
process.on('SIGUSR2', () => void globalThis.gc?.());
