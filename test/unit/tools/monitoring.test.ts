import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { readDocumentedMetrics, readDrawnMetrics } from '../../support/metrics_text';
import { promtool, whyNoPromtool } from '../../support/promtool';

const REPOSITORY = join(__dirname, '../../..');
const read = (name: string): string => readFileSync(join(REPOSITORY, name), 'utf8');

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly networks?: readonly string[] | Readonly<Record<string, { readonly aliases: readonly string[] } | null>>;
  readonly profiles?: readonly string[];
  readonly volumes?: readonly { readonly source: string; readonly target: string }[];
}

interface Panel {
  readonly title: string;
  readonly datasource: { readonly uid: string };
  readonly targets: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

describe('the monitoring of the compose file', () => {
  const { panels } = JSON.parse(read('monitoring/grafana/dashboards/lottery.json')) as { panels: Panel[] };
  const { services } = parse(read('docker-compose.template.yaml')) as { services: Record<string, Service> };

  it('scrapes the address of the server in the compose file', () => {
    const prometheus = parse(read('monitoring/prometheus.yml')) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    const port = services['server']!.environment!['SERVER_STATUS_PORT'];
    expect(prometheus.scrape_configs.map((job) => job.static_configs[0]!.targets)).to.deep.equal([[`server:${port}`]]);
  });

  it('has a network of its own with the server, which has its status port at no other address', () => {
    const { environment, networks } = services['server']!;
    expect(networks).to.deep.equal({ testing_net: null, status_net: { aliases: ['server-status'] } });
    expect(environment!['SERVER_STATUS_IP']).to.equal('server-status');
    expect(environment!['SERVER_STATUS_HOSTS']).to.equal('server');
    for (const name of ['prometheus', 'grafana']) expect(services[name]!.networks, name).to.deep.equal(['status_net']);
    for (const name of ['client', 'echo']) expect(services[name]!.networks, name).to.deep.equal(['testing_net']);
  });

  it('mounts existing files, and starts with its profile only', () => {
    for (const name of ['prometheus', 'grafana']) {
      const { profiles, volumes } = services[name]!;
      expect(profiles).to.deep.equal(['monitoring']);
      for (const { source } of volumes!) expect(() => readFileSync(join(REPOSITORY, source))).not.to.throw(/ENOENT/);
    }
  });

  it('mounts each file at the path of its reader', () => {
    const targetOf = (name: string, source: string): string | undefined =>
      services[name]!.volumes!.find((volume) => volume.source === source)?.target;
    expect(targetOf('prometheus', './monitoring/prometheus.yml')).to.equal('/etc/prometheus/prometheus.yml');
    expect(targetOf('grafana', './monitoring/grafana/provisioning')).to.equal('/etc/grafana/provisioning');
    const { providers } = parse(read('monitoring/grafana/provisioning/dashboards/lottery.yaml')) as {
      providers: { type: string; options: { path: string } }[];
    };
    const dashboards = targetOf('grafana', './monitoring/grafana/dashboards');
    expect(providers.map(({ type, options }) => [type, options.path])).to.deep.equal([['file', dashboards]]);
    expect(services['grafana']!.environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).to.equal(
      `${dashboards}/lottery.json`,
    );
  });

  it('has a configuration and expressions that promtool accepts', async function () {
    const reason = whyNoPromtool();
    if (reason !== undefined) {
      this.test!.title += ` (${reason})`;
      this.skip();
    }
    expect(promtool(['check', 'config', join(REPOSITORY, 'monitoring/prometheus.yml')])).to.equal('');
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const rules = expressions.map((expr, index) => ({ record: `lottery:panel:${index}`, expr }));
    const directory = await mkdtemp(join(tmpdir(), 'lottery-rules-'));
    try {
      await writeFile(join(directory, 'rules.yml'), stringify({ groups: [{ name: 'dashboard', rules }] }));
      expect(promtool(['check', 'rules', join(directory, 'rules.yml')])).to.equal('');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('does not add up what is the same on every server', async () => {
    const { ofLottery } = await readDocumentedMetrics();
    expect(ofLottery).to.include.members(['lottery_bets', 'lottery_agencies', 'lottery_servers']);
    for (const { panel, expression, name } of await readDrawnMetrics()) {
      if (!ofLottery.includes(name)) continue;
      const usage = new RegExp(`(?:\\bmax(?: by \\([\\w, ]+\\) )?|\\bmax\\(sum by \\(instance\\) )\\(${name}\\b`);
      expect(expression, panel).to.match(usage);
    }
  });

  it('uses the provisioned data source, in panels without overlaps', () => {
    const { datasources } = parse(read('monitoring/grafana/provisioning/datasources/prometheus.yaml')) as {
      datasources: { uid: string; url: string }[];
    };
    expect(datasources.map(({ url }) => url)).to.deep.equal(['http://prometheus:9090']);
    expect(Object.keys(services)).to.include('prometheus');
    for (const { title, targets } of panels) {
      for (const { datasource } of targets) expect(datasource.uid, title).to.equal(datasources[0]!.uid);
    }
    const taken = new Map<string, string>();
    for (const { title, datasource, gridPos } of panels) {
      expect(datasource.uid, title).to.equal(datasources[0]!.uid);
      expect(gridPos.x + gridPos.w, title).to.be.at.most(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x},${y}`), `a cell of "${title}"`).to.equal(undefined);
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });
});
