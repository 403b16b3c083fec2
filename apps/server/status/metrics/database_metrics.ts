import { Gauge, type Registry } from 'prom-client';
import { type DatabaseReport, type ServerReport } from '../report/status_report';
import { type StatusAggregator } from '../report/status_aggregator';
import { addCounter, addGauge, HERE, WHOLE } from './read_metrics';

const MILLISECONDS = 1_000;

/** Adds the metrics of a store with a database. */
export function addDatabaseMetrics(registers: Registry[], aggregator: StatusAggregator): void {
  const database = (): DatabaseReport => aggregator.summary().database!;
  addUse(registers, database);
  addServers(registers, () => aggregator.summary().servers);
  addStandbys(registers, database);
  addGauge(
    registers,
    'lottery_store_writable',
    `${HERE}1 while the database confirms its heartbeats, 0 while it does not.`,
    () => (database().writable ? 1 : 0),
  );
  new Gauge({
    name: 'lottery_store_read_timestamp_seconds',
    help: `${HERE}time of its last reading of the whole lottery, since the epoch.`,
    registers,
    collect(): void {
      const { readAt } = database();
      if (readAt !== null) this.set(Date.parse(readAt) / MILLISECONDS);
    },
  });
}

function addUse(registers: Registry[], database: () => DatabaseReport): void {
  new Gauge({
    name: 'lottery_database_connections',
    help: `${HERE}open connections to the database by state: idle, in_use.`,
    labelNames: ['state'],
    registers,
    collect(): void {
      const { open, inUse } = database().connections;
      this.set({ state: 'idle' }, open - inUse);
      this.set({ state: 'in_use' }, inUse);
    },
  });
  const max = (): number => database().connections.max;
  addGauge(registers, 'lottery_database_connections_max', `${HERE}SERVER_DATABASE_CONNECTIONS.`, max);
  const counters = [
    ['connections_opened', 'connections to the database that were opened', 'connectionsOpened'],
    ['connections_lost', 'connections to the database that were lost', 'connectionsLost'],
    ['connection_waits', 'requests that waited for a connection to the database', 'waits'],
    ['failovers', 'changes to another host of the database', 'failovers'],
    ['retries', 'transactions repeated after a conflict with another one', 'retries'],
    ['unknown_outcomes', 'transactions without a clean response to their commit', 'unknownOutcomes'],
  ] as const;
  for (const [name, help, field] of counters) {
    addCounter(registers, `lottery_database_${name}_total`, `${HERE}${help}.`, () => database()[field]);
  }
}

function addServers(registers: Registry[], servers: () => readonly ServerReport[]): void {
  new Gauge({
    name: 'lottery_servers',
    help: `${WHOLE}servers by state: alive, lost (without heartbeats, and not stopped in good order).`,
    labelNames: ['state'],
    registers,
    collect(): void {
      const alive = servers().filter((server) => server.alive).length;
      this.set({ state: 'alive' }, alive);
      this.set({ state: 'lost' }, servers().length - alive);
    },
  });
}

function addStandbys(registers: Registry[], database: () => DatabaseReport): void {
  const gauges = [
    ['lottery_database_standby_lag_seconds', 'delay of the confirmations of each standby', 'lagSeconds'],
    ['lottery_database_standby_lag_bytes', 'changes that each standby has not confirmed', 'lagBytes'],
  ] as const;
  for (const [name, help, field] of gauges) {
    new Gauge({
      name,
      help: `${WHOLE}${help}, if the role has the rights of pg_monitor.`,
      labelNames: ['standby', 'mode'],
      registers,
      collect(): void {
        this.reset();
        // Of several standbys with one name the last one has the greatest lag.
        for (const standby of database().standbys ?? []) {
          this.set({ standby: standby.name, mode: standby.mode }, standby[field]);
        }
      },
    });
  }
}
