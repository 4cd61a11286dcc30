// What every journey needs: the built binary on a free port with a folder of its own, and a real browser.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { chromium } from 'playwright-core';

const binary = process.env.PARLEY_BIN ?? new URL('../../bin/parley', import.meta.url).pathname;

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A running server. kill() ends it as a power cut would; start() brings it back on the same port with the same data. */
export class Parley {
  static async start(env = {}) {
    const server = new Parley();
    server.data = mkdtempSync(join(tmpdir(), 'parley-e2e-'));
    server.port = await freePort();
    server.url = `http://localhost:${server.port}`;
    server.env = { PARLEY_RATE_LIMIT: 'off', PARLEY_LEAVE_GRACE: '1s', ...env };
    await server.start();
    return server;
  }

  async start() {
    this.log = '';
    this.child = spawn(binary, ['serve'], {
      cwd: this.data, env: { PATH: process.env.PATH, PORT: String(this.port), PARLEY_DATA: this.data, ...this.env }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (d) => (this.log += d));
    for (let i = 0; i < 200; i++) {
      if (this.child.exitCode !== null) throw new Error(`parley ended: ${this.log}`);
      const ok = await fetch(`${this.url}/ready`).then((r) => r.ok, () => false);
      if (ok) return;
      await new Promise((r) => setTimeout(r, 25));
    }
    throw new Error(`parley did not start: ${this.log}`);
  }

  async end(signal = 'SIGTERM') {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }

  kill() {
    return this.end('SIGKILL');
  }

  /** Does something in its database, beside it. */
  sql(text) {
    return execFileSync('sqlite3', ['-cmd', '.timeout 10000', join(this.data, 'parley.db')], { input: text, encoding: 'utf8' }).trim();
  }

  async stop() {
    await this.end('SIGKILL');
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** The network between a page and a server, which can be cut, lose answers, and be slow. */
export class Network {
  static async to(server) {
    const network = new Network();
    network.port = server.port;
    network.pairs = new Set();
    network.lost = 0;
    network.front = createServer((near) => network.join(near)).listen(0, '127.0.0.1');
    await once(network.front, 'listening');
    network.url = `http://localhost:${network.front.address().port}`;
    return network;
  }

  join(near) {
    const far = connect(this.port, '127.0.0.1');
    const pair = { near, far };
    this.pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('error', () => undefined);
      from.on('close', () => (to.destroy(), this.pairs.delete(pair)));
    }
    if (this.down) return near.destroy();
    near.on('data', (bytes) => {
      // What is asked arrives, and no answer comes back: the connection ends a moment later.
      if (this.losing && said(bytes).includes(`["${this.losing}"`)) {
        this.losing = '';
        this.lost++;
        pair.deaf = true;
        setTimeout(() => near.destroy(), 200);
      }
      far.write(bytes);
    });
    let last = Promise.resolve();
    far.on('data', (bytes) => {
      if (pair.deaf) return;
      const wait = this.slow?.(bytes) ?? 0;
      last = last.then(async () => {
        if (wait > 0) await new Promise((done) => setTimeout(done, wait));
        near.write(bytes);
      });
    });
  }

  /** Loses the answer to the next event of a name, and the connection with it. */
  lose(event) {
    this.losing = event;
  }

  /** Ends all connections, and lets none through until mend. */
  cut() {
    this.down = true;
    for (const { near, far } of this.pairs) near.destroy(), far.destroy();
  }

  mend() {
    this.down = false;
  }

  async stop() {
    this.cut();
    this.front.close();
  }
}

/** What a page says in the frames of a WebSocket, which are masked. */
function said(bytes) {
  let out = '';
  for (let at = 0; at + 6 <= bytes.length && bytes[at + 1] & 0x80;) {
    let length = bytes[at + 1] & 0x7f;
    let from = at + 2;
    if (length === 126) [length, from] = [bytes.readUInt16BE(from), from + 2];
    if (length === 127) break;
    const mask = bytes.subarray(from, from + 4);
    from += 4;
    out += Buffer.from(bytes.subarray(from, from + length).map((b, i) => b ^ mask[i % 4])).toString('utf8');
    at = from + length;
  }
  return out;
}

const optionsOf = ({ quic = false } = {}) => ({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ...(quic ? [] : ['--disable-quic']),
  ],
});

export function launch(how) {
  return chromium.launch(optionsOf(how));
}

/** A browser whose profile is a folder, rather than a private window. */
launch.persistent = (profile) => chromium.launchPersistentContext(profile, optionsOf());

/** A person: a browser profile of their own with the page open, and what goes wrong on it collected. */
export async function person(browser, url, { name, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  if (name) await context.addInitScript((n) => localStorage.getItem('parley.name') ?? localStorage.setItem('parley.name', n), name);
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const problems = watch(page);
  await page.goto(url);
  return { context, page, problems };
}

/** Collects script errors and violations of the content policy. Network errors are expected in some journeys. */
export function watch(page) {
  const problems = [];
  page.on('pageerror', (e) => problems.push(String(e)));
  page.on('console', (m) => {
    if (m.type() === 'error' && /Content Security Policy|Trusted|Uncaught/.test(m.text())) problems.push(m.text());
  });
  return problems;
}

export async function connected(page) {
  await page.locator('.status[data-status=connected]').waitFor({ timeout: 15_000 });
  await page.locator('.skeleton').waitFor({ state: 'detached' });
}

export const say = (page, text) => write(page, 'General', text);

/** Changes one's name through the profile. */
export async function rename(page, name) {
  await page.getByRole('button', { name: /^(Your account|Account )/ }).click();
  const profile = page.getByRole('tab', { name: 'Profile' });
  await profile.click();
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  await page.getByRole('dialog').getByLabel('Close').click();
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds on a page, whose policy has to be bypassed for it. */
export async function violations(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const passing = document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity);
    await Promise.allSettled(passing.map((a) => a.finished)); // what fades in has not its colours yet
    return window.axe.run(document);
  });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}

const THEMES = {
  light: { colorScheme: 'light' }, dark: { colorScheme: 'dark' }, 'light contrast': { colorScheme: 'light', contrast: 'more' }, 'dark contrast': { colorScheme: 'dark', contrast: 'more' },
  forced: { colorScheme: 'dark', forcedColors: 'active' },
};
const LOOKS = [1440, 900, 390].flatMap((width) => Object.keys(THEMES).flatMap((theme) => ['ltr', 'rtl'].map((dir) => ({ width, theme, dir }))));
/** How many looks a screen is looked at in; another few with each screen. PARLEY_ALL_LOOKS=1 is all of them. */
const LOOKS_AT_ONCE = process.env.PARLEY_ALL_LOOKS ? LOOKS.length : 2;
const STRIDE = 7; // has no divisor in common with the number of looks, so that all have their turn
let turn = 0;

async function wear(page, { width, theme, dir }) {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ contrast: 'no-preference', forcedColors: 'none', reducedMotion: 'reduce', ...THEMES[theme] });
  await page.evaluate(([to, more]) => {
    document.documentElement.dir = to;
    if (more) document.documentElement.dataset.contrast = 'more';
    else delete document.documentElement.dataset.contrast;
  }, [dir, THEMES[theme].contrast === 'more']);
}

/** Looks at a screen in several sizes, themes and directions: axe finds nothing, and nothing is wider than the window. */
export async function looksRight(page, what) {
  for (let i = 0; i < LOOKS_AT_ONCE; i++) {
    const look = LOOKS[(turn++ * STRIDE) % LOOKS.length];
    await wear(page, look);
    assert.deepEqual(await violations(page), [], `${what}, ${Object.values(look).join(' ')}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${what} is wider than its window, ${Object.values(look).join(' ')}`);
  }
  await wear(page, { width: 1440, theme: 'light', dir: 'ltr' });
}

/** Opens the panel of those who are here, or in the room. */
export async function showPeople(page) {
  await page.locator('.room-header .here').click();
  await page.locator('.panel .people').first().waitFor();
}

/** Creates an account, or signs in to one, through the page. */
export async function account(page, name, { mode = 'Create account', password = 'a long enough password' } = {}) {
  const entry = page.getByRole('button', { name: /^Your account/ });
  await entry.or(page.getByLabel('Account name')).first().waitFor();
  if (await entry.isVisible()) await entry.click();
  await page.getByRole('group', { name: 'Account' }).getByRole('button', { name: mode }).click();
  await page.getByLabel('Account name').fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.locator('form').getByRole('button', { name: mode, exact: true }).click();
  await page.getByRole('button', { name: `Account ${name}` }).waitFor();
  await page.getByRole('dialog').waitFor({ state: 'detached' }); // what is below it takes no keys before
}

/** Chooses what to do with a message: by its bar, or its menu. */
export async function act(page, text, what) {
  const row = page.locator('.message', { hasText: text });
  await row.hover();
  if (['React', 'Reply'].includes(what)) return row.getByRole('button', { name: what, exact: true }).click();
  await row.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: what }).click();
}

/** Writes into a room that is open. Behind a modal dialog, which closes a moment after the room is there, nothing can be typed. */
export async function write(page, room, text) {
  await becomes(() => page.locator('dialog:modal').count(), 0);
  await page.getByLabel(`Message ${room}`, { exact: true }).fill(text);
  await page.getByLabel(`Message ${room}`, { exact: true }).press('Enter');
}

/** Makes a room through the page. */
export async function newRoom(page, name, { topic = '', who = 'Everybody on this server' } = {}) {
  await page.getByRole('button', { name: 'New room', exact: true }).click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Topic').fill(topic);
  await page.getByLabel(who).check();
  await page.getByRole('dialog').getByRole('button', { name: 'Create room' }).click();
  await page.getByLabel(`Message ${name}`).waitFor();
}

export function line(page, text) {
  return page.locator('.message .text', { hasText: text });
}

/** Waits until a text stands in the timeline, and makes sure that it stands there once. */
export async function seesOnce(page, text) {
  await line(page, text).first().waitFor({ timeout: 15_000 });
  const n = await line(page, text).count();
  if (n !== 1) throw new Error(`"${text}" stands ${n} times`);
}

/** Waits until what is read from a page equals something: a page follows what it was told, but not within the same moment. */
export async function becomes(read, expected, what = String(read), timeout = 15_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const actual = await read();
    if (isDeepStrictEqual(actual, expected)) return;
    if (Date.now() > end) return assert.deepEqual(actual, expected, what);
    await new Promise((r) => setTimeout(r, 50));
  }
}

export async function eventually(check, what, timeout = 15_000) {
  const end = Date.now() + timeout;
  let last;
  while (Date.now() < end) {
    try {
      if ((last = await check()) === true) return;
    } catch (e) {
      last = e;
    }
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`${what}: still ${last}`);
}
