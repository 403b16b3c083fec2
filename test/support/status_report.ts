import { setTimeout as delay } from 'node:timers/promises';
import { type StatusReport } from '../../apps/server/status/report/status_report';

/** The report at /status.json of a status server. */
export async function readReport(url: string): Promise<StatusReport> {
  return (await (await fetch(`${url}status.json`)).json()) as StatusReport;
}

/** The report once it meets the condition; there is a new one each second. */
export async function reportWhere(
  url: string,
  isSo: (report: StatusReport) => boolean,
  deadlineMs = 30_000,
): Promise<StatusReport> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const report = await readReport(url);
    if (isSo(report)) return report;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(report)}`);
    await delay(50);
  }
}
