import { removeDaemons } from './daemons';

/**
 * A process of its own beside the tests: `daemon_guard.ts DIRECTORY`. Its stdin is a pipe from the test process, so it
 * ends with that process, however that one ends. The guard then removes the daemons of the directory.
 */
process.stdin.resume();
process.stdin.once('end', () => void removeDaemons(process.argv[2]!));
