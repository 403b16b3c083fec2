/** Doubles for the tests of programs that use the library: connections in memory, and connections that fail. */
export { connectedPair } from './connected_pair';
export { type Faults } from './faults';
export { FaultyStream, type FaultyStreamOptions } from './faulty_stream';
export { type MemoryPairOptions, MemoryStream } from './memory_stream';
