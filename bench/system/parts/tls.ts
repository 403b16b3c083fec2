import { once } from 'node:events';
import { type Socket } from 'node:net';
import { join } from 'node:path';
import { connect, createSecureContext } from 'node:tls';
import { pairedRatio, spread } from '../../statistics';
import { crowdCertificates, type CrowdCertificates, makeCertificates, type TlsSettings } from '../certificates';
import { crowdSize, measureMemory, type MemoryFigures, startCrowdServer } from '../crowd';
import { COURSE_BETS, makeInputFiles, scaledBets } from '../input_files';
import { type LotteryFigures, runLottery } from '../lottery_run';
import { OURS, type Part, type PartContext } from '../part';
import { PROGRAMS } from '../program';

const MILLION = 1_000_000;
const AGENCIES = 5;

/** The costs of TLS 1.3 with all certificates checked, on both sides, against plain TCP in the same round. */
export const tls: Part = {
  name: 'tls',
  about: 'TLS with all certificates checked, against plain TCP',
  async run(context) {
    const settings = await makeCertificates(context.directory, AGENCIES);
    await measureWholeWork(context, settings);
    await measureRate(context, settings);
    await measureConnections(context);
  },
};

interface Contest {
  readonly secure: LotteryFigures[];
  readonly plain: LotteryFigures[];
}

/** Runs the lottery by TLS and by plain TCP in turn. The first round fills the page cache, and does not count. */
async function contest(
  { directory, rounds }: PartContext,
  bets: readonly number[],
  settings: TlsSettings,
): Promise<Contest> {
  const input = makeInputFiles(directory, bets);
  const run = join(directory, 'run');
  const figures: Contest = { secure: [], plain: [] };
  for (let round = 0; round <= rounds; round++) {
    const secure = await runLottery({ contestant: OURS, input, directory: run, settings });
    const plain = await runLottery({ contestant: OURS, input, directory: run });
    if (round === 0) continue;
    figures.secure.push(secure);
    figures.plain.push(plain);
  }
  return figures;
}

async function measureWholeWork(context: PartContext, settings: TlsSettings): Promise<void> {
  const { secure, plain } = await contest(context, COURSE_BETS, settings);
  const [secureMs, plainMs] = [secure, plain].map((runs) => runs.map(({ wholeMs }) => wholeMs)) as [number[], number[]];
  context.print('78,697 bets, whole work by TLS', spread(secureMs, 'ms', 0));
  context.print('78,697 bets, whole work by plain TCP', spread(plainMs, 'ms', 0));
  context.print('whole work: TLS / plain', `${pairedRatio(secureMs, plainMs)}   to reach: 1.5`);
}

async function measureRate(context: PartContext, settings: TlsSettings): Promise<void> {
  const { secure, plain } = await contest(context, scaledBets(MILLION), settings);
  const [secureRates, plainRates] = [secure, plain].map((runs) =>
    runs.map(({ uploadMs }) => MILLION / uploadMs / 1000),
  ) as [number[], number[]];
  context.print('1,000,000 bets by TLS: durable bets/s, upload', spread(secureRates, 'M/s', 2));
  context.print('1,000,000 bets by plain TCP', spread(plainRates, 'M/s', 2));
  context.print('upload rate: TLS / plain', `${pairedRatio(secureRates, plainRates)}   to reach: 0.75`);
  const peaks = secure.map(({ serverPeak }) => serverPeak / 1_048_576);
  context.print('server’s peak memory by TLS', spread(peaks, 'MiB', 1));
}

/** Measured once: it takes a minute of handshakes for each server. */
async function measureConnections({ directory, print }: PartContext): Promise<void> {
  const count = crowdSize();
  const certificates = await crowdCertificates(directory, count);
  const open = connector(certificates);
  const measure = async (script: string): Promise<MemoryFigures> => {
    const server = await startCrowdServer(script, count, join(directory, 'run'), open, certificates.settings);
    return measureMemory(server, count, open);
  };
  const ours = await measure(PROGRAMS.server);
  const bare = await measure(PROGRAMS.bareTlsServer);
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
  print('connections by TLS', String(count));
  print('server: memory each, garbage included', kilobytes(ours.bytesEach));
  print('server: memory each, garbage collected', `${kilobytes(ours.heldBytesEach)}   to reach: 24`);
  print('bare tls server: memory each, garbage collected', kilobytes(bare.heldBytesEach));
}

/** Connects each agency with its own certificate. */
function connector({ ca, key, certificateOf }: CrowdCertificates) {
  return async (port: number, agency: number): Promise<Socket> => {
    const secureContext = createSecureContext({ ca, key, cert: certificateOf(agency), minVersion: 'TLSv1.3' });
    const socket = connect({ port, host: '127.0.0.1', secureContext });
    await once(socket, 'secureConnect');
    socket.on('error', () => {});
    return socket;
  };
}
