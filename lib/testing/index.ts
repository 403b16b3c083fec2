/** Doubles for the tests of the library's users: connections in memory, and connections with faults. */
export { connectedPair } from './connected_pair';
export { type Faults } from './faults';
export { FaultyStream, type FaultyStreamOptions } from './faulty_stream';
export { type MemoryPairOptions, MemoryStream } from './memory_stream';
