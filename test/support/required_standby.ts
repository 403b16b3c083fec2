import { Client } from 'pg';
import { eventually } from './eventually';
import { type PostgresServer } from './postgres_server';

/** A statement that writes without a table. */
const WRITE = "SELECT pg_logical_emit_message(true, 'probe', '')";

/**
 * Makes each commit wait for the standby `name`; '' for no standby. A reload of the parameters returns before they are in
 * effect, so this resolves once commits show the effect. Without a standby, the commits that waited have been released.
 */
export async function requireStandby(server: PostgresServer, name: string): Promise<void> {
  await server.run(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
  await server.run('SELECT pg_reload_conf()');
  const isWaiting = name !== '';
  await eventually('the effect on commits', async () => (await commitWaits(server)) === isWaiting, 10_000);
}

/** Whether a commit waits for a standby. */
async function commitWaits(server: PostgresServer): Promise<boolean> {
  const client = new Client({ connectionString: server.url('postgres'), ssl: false });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const waits = `FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = ${rows[0]!.pid}`;
    let isCommitted = false;
    const committing = client.query(WRITE).then(() => void (isCommitted = true));
    while (!isCommitted) {
      const waiting = await server.run(`SELECT pg_cancel_backend(pid) ${waits}`);
      if (waiting.length === 0) continue;
      await committing;
      return true;
    }
    return false;
  } finally {
    await client.end();
  }
}
