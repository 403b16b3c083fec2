import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** The path of Chromium: that of Debian, or the value of CHROMIUM. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** The directory of the screenshots, for a look at the page. Without PICTURES in the environment there are none. */
const PICTURES = process.env['PICTURES'] === undefined ? undefined : join(__dirname, '../../test-output');

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

/** One Chromium. Each page has an empty profile of its own. */
export class TestBrowser {
  private constructor(private readonly browser: Browser) {}

  static async launch(): Promise<TestBrowser> {
    return new TestBrowser(await chromium.launch({ executablePath: CHROMIUM, args: QUIET }));
  }

  /** Opens a page on the given kind of screen. */
  async open(url: string, view: ViewName, more: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await this.browser.newContext({ locale: 'en-GB', ...VIEWS[view], ...more });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const watched: WatchedPage = { page, problems: [], requests: [] };
    page.on('console', (message) => {
      if (message.type() === 'error') watched.problems.push(message.text());
    });
    page.on('pageerror', (error) => watched.problems.push(String(error)));
    page.on('request', (request) => watched.requests.push(request.url()));
    await page.goto(url);
    return watched;
  }

  /** Ends it, with all its pages. */
  async close(): Promise<void> {
    await this.browser.close();
  }
}

/** Saves a screenshot of the whole page, if pictures are wanted. */
export async function takePicture({ page }: WatchedPage, name: string): Promise<void> {
  if (PICTURES === undefined) return;
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

/** The violations found by axe-core: each rule with its elements. */
export async function findBarriers({ page }: WatchedPage): Promise<string[]> {
  // The document of a page keeps it from one check to the next.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ['violations'] }),
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
