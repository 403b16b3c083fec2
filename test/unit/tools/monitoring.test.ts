import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';

const REPOSITORY = join(__dirname, '../../..');
const read = (name: string): string => readFileSync(join(REPOSITORY, name), 'utf8');

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  readonly volumes?: readonly { readonly source: string; readonly target: string }[];
}

interface Panel {
  readonly title: string;
  readonly datasource: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

describe('the monitoring that comes with the compose file', () => {
  const { services } = parse(read('docker-compose.template.yaml')) as { services: Record<string, Service> };

  it('asks the server where the compose file has it', () => {
    const prometheus = parse(read('monitoring/prometheus.yml')) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    const port = services['server']!.environment!['SERVER_STATUS_PORT'];
    expect(prometheus.scrape_configs.map((job) => job.static_configs[0]!.targets)).to.deep.equal([[`server:${port}`]]);
  });

  it('mounts files that are there, and starts only when it is asked for', () => {
    for (const name of ['prometheus', 'grafana']) {
      const { profiles, volumes } = services[name]!;
      expect(profiles).to.deep.equal(['monitoring']);
      for (const { source } of volumes!) expect(() => readFileSync(join(REPOSITORY, source))).not.to.throw(/ENOENT/);
    }
  });

  it('draws with the data source that is provisioned, in panels that do not overlap', () => {
    const { datasources } = parse(read('monitoring/grafana/provisioning/datasources/prometheus.yaml')) as {
      datasources: { uid: string }[];
    };
    const { panels } = JSON.parse(read('monitoring/grafana/dashboards/lottery.json')) as { panels: Panel[] };
    const taken = new Map<string, string>();
    for (const { title, datasource, gridPos } of panels) {
      expect(datasource.uid, title).to.equal(datasources[0]!.uid);
      expect(gridPos.x + gridPos.w, title).to.be.at.most(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x},${y}`), `what "${title}" covers`).to.equal(undefined);
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });
});
