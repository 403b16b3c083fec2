import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** The path of Chromium: that of Debian, or the value of CHROMIUM. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** The directory of the screenshots, which are not part of the project. */
const PICTURES = join(__dirname, '../../test-output');

/** Options without any connections to other machines. */
const QUIET = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

export const VIEWS = {
  desktop: { viewport: { width: 1100, height: 760 }, colorScheme: 'light' },
  dark: { viewport: { width: 1100, height: 760 }, colorScheme: 'dark' },
  phone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, colorScheme: 'light' },
  darkPhone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, colorScheme: 'dark' },
  narrow: { viewport: { width: 320, height: 640 }, deviceScaleFactor: 2, isMobile: true, colorScheme: 'light' },
} as const satisfies Record<string, BrowserContextOptions>;

export type ViewName = keyof typeof VIEWS;

/** The reason why no browser is available, or undefined. */
export function whyNoBrowser(): string | undefined {
  return existsSync(CHROMIUM) ? undefined : `no Chromium at ${CHROMIUM} (apt-get install chromium)`;
}

/** A page, with its errors and its requests. */
export interface WatchedPage {
  readonly page: Page;
  readonly problems: string[];
  readonly requests: string[];
}

/** A browser with temporary, empty profiles. */
export class TestBrowser {
  private readonly contexts: BrowserContext[] = [];
  private readonly profiles: string[] = [];

  /** Opens a page on the given kind of screen. */
  async open(url: string, view: ViewName, more: BrowserContextOptions = {}): Promise<WatchedPage> {
    const profile = await mkdtemp(join(tmpdir(), 'lottery-browser-'));
    this.profiles.push(profile);
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      args: QUIET,
      locale: 'en-GB',
      ...VIEWS[view],
      ...more,
    });
    this.contexts.push(context);
    context.setDefaultTimeout(15_000);
    const page = context.pages()[0] ?? (await context.newPage());
    const watched: WatchedPage = { page, problems: [], requests: [] };
    page.on('console', (message) => {
      if (message.type() === 'error') watched.problems.push(message.text());
    });
    page.on('pageerror', (error) => watched.problems.push(String(error)));
    page.on('request', (request) => watched.requests.push(request.url()));
    await page.goto(url);
    return watched;
  }

  async close(): Promise<void> {
    await Promise.all(this.contexts.map((context) => context.close()));
    await Promise.all(this.profiles.map((profile) => rm(profile, { recursive: true, force: true })));
  }
}

/** Saves a screenshot of the whole page. */
export async function takePicture({ page }: WatchedPage, name: string): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

/** The violations found by axe-core: each rule with its elements. */
export async function findBarriers({ page }: WatchedPage): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
