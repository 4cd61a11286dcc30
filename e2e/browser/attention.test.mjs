// What calls somebody: what counts, what rings, what is pushed, by one decision.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, becomes, connected, eventually, launch, line, newRoom, person, say, seesOnce, write } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Keeps what is shown on the desktop, and what the icon of the installed page says. */
function listen() {
  window.told = [];
  const Real = window.Notification;
  window.Notification = class extends Real {
    constructor(title, options) {
      super(title, options);
      window.told.push(`${title}: ${options.body}`);
    }
  };
  window.count = 0;
  navigator.setAppBadge = async (n) => void (window.count = n);
  navigator.clearAppBadge = async () => void (window.count = 0);
}

async function member(name, options = {}) {
  const p = await person(browser, server.url, { name, permissions: ['notifications'], ...options });
  await connected(p.page);
  await account(p.page, name.toLowerCase());
  return p;
}

async function settings(page, fill) {
  await page.getByRole('button', { name: 'Settings', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Settings' });
  await fill(dialog);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Saved', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
}

/** The title, the tab's icon and the app's badge say how much counts. */
async function counts(page, n) {
  await becomes(() => page.title(), `${n > 0 ? `(${n}) ` : ''}Side · Parley`);
  await becomes(() => page.evaluate(() => [document.querySelector('link[rel=icon]').getAttribute('href'), window.count]), [n > 0 ? '/icon-mention.svg' : '/icon.svg', n]);
}


test('words call, blocked people and muted rooms do not, quiet hours only count; the badge says what the decision says', async () => {
  const ana = await member('Ana');
  const ben = await person(browser, server.url, { name: 'Ben', permissions: ['notifications'], timezoneId: 'Asia/Tokyo' });
  await ben.context.addInitScript(listen);
  await ben.page.reload();
  await connected(ben.page);
  await account(ben.page, 'ben');
  const { page } = ben;
  const told = () => page.evaluate(() => window.told);
  await settings(page, async (d) => {
    await d.getByLabel('Desktop notifications').check();
    await d.getByLabel('Words that call me').fill('launch, café au lait');
  });
  await newRoom(page, 'Side');
  await counts(page, 0);
  const general = page.getByRole('button', { name: /^General/ });

  await say(ana.page, 'nothing in particular');
  await becomes(() => page.title(), '• Side · Parley'); // there is something, and it calls nobody
  await say(ana.page, 'the **Launch** is near');
  await counts(page, 1);
  await becomes(() => general.getAttribute('aria-label'), 'General, 2 unread, 1 for you');
  await becomes(told, ['Ana · General: the Launch is near']);
  await say(ana.page, 'a cafe au LAIT, please');
  await counts(page, 2);
  await say(ana.page, 'launched already');
  await becomes(() => general.getAttribute('aria-label'), 'General, 4 unread, 2 for you');

  // Within quiet hours it counts, and nothing rings. They are of the time zone of this device.
  const clock = await page.evaluate(() => [-2, 120].map((m) => new Date(Date.now() + m * 60_000).toTimeString().slice(0, 5)));
  await settings(page, async (d) => {
    await d.getByLabel('Quiet from').fill(clock[0]);
    await d.getByLabel('to', { exact: true }).fill(clock[1]);
  });
  await say(ana.page, 'launch in the quiet');
  await counts(page, 3);
  await settings(page, async (d) => {
    await d.getByLabel('Quiet from').fill('');
    await d.getByLabel('to', { exact: true }).fill('');
  });
  await say(ana.page, 'launch after it');
  await counts(page, 4);
  await becomes(async () => (await told()).slice(2), ['Ana · General: launch after it']);

  // In a muted room what calls counts, and does not ring.
  await general.click();
  await seesOnce(page, 'launch after it');
  await becomes(() => page.locator('.message.mentions-me mark').allTextContents(), ['Launch', 'cafe au LAIT', 'launch', 'launch']);
  await becomes(() => page.title(), 'General · Parley');
  await page.getByLabel('This room for you').click();
  await page.getByRole('button', { name: '1 hour' }).click();
  await page.getByRole('button', { name: 'Unmute' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Side/ }).click();
  await say(ana.page, '@ben launch of the muted');
  await counts(page, 1);
  await say(ana.page, 'all else is silent');
  await becomes(() => general.getAttribute('aria-label'), 'General, 2 unread, 1 for you, muted');
  await counts(page, 1);

  // What somebody writes who is blocked calls nobody.
  await general.click();
  await seesOnce(page, 'all else is silent');
  await page.getByLabel('This room for you').click();
  await page.getByRole('button', { name: 'Unmute' }).click();
  await page.getByRole('button', { name: '1 hour' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Profile of Ana' }).first().click();
  await page.locator('.profile').getByRole('button', { name: 'Hide what they write' }).click();
  await page.getByText('You do not see what Ana writes').waitFor();
  await becomes(() => page.title(), 'General · Parley');
  await page.getByRole('button', { name: /^Side/ }).click();
  const cleo = await member('Cleo');
  await say(ana.page, '@ben launch, said by who is hidden');
  await seesOnce(cleo.page, '@ben launch, said by who is hidden');
  await say(cleo.page, 'launch, said by Cleo');
  await counts(page, 1);
  await becomes(async () => (await told()).slice(3), ['Cleo · General: launch, said by Cleo']);
  // And of a room of which one wants to hear nothing, nothing counts.
  await general.click();
  await seesOnce(page, 'launch, said by Cleo');
  await page.getByLabel('This room for you').click();
  await page.getByLabel('Of nothing').check();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Side/ }).click();
  await say(cleo.page, '@ben launch of nothing');
  await becomes(async () => (await general.getAttribute('aria-label')).includes('unread'), true);
  await becomes(() => page.evaluate(() => window.count), 0);
  assert.deepEqual([...ana.problems, ...ben.problems, ...cleo.problems], []);
  for (const p of [ana, ben, cleo]) await p.context.close();
});

/** A browser whose service for notifications can be reached: it gives an address, and keys as a browser makes them. */
function service() {
  const keys = crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']).then(async ({ publicKey }) => {
    const url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    return { p256dh: url(await crypto.subtle.exportKey('raw', publicKey)), auth: url(crypto.getRandomValues(new Uint8Array(16))) };
  });
  let subscription = null;
  const endpoint = 'https://push.example.com/dora';
  PushManager.prototype.getSubscription = async () => subscription;
  PushManager.prototype.subscribe = async (options) => {
    if (!options.userVisibleOnly || !options.applicationServerKey) throw new Error('no key');
    const made = { endpoint, keys: await keys };
    return (subscription = { endpoint, toJSON: () => made, unsubscribe: async () => ((subscription = null), true) });
  };
}

test('being told while the page is closed: turned on and off, refused where the browser cannot, silent while another device is looked at', async () => {
  const dora = await member('Dora');
  const emil = await member('Emil');
  const box = (p) => p.page.getByRole('dialog').getByLabel('Notifications while this page is closed');
  const open = (p) => p.page.getByRole('button', { name: 'Settings', exact: true }).click();
  await open(dora);
  await box(dora).click(); // this browser has no service
  await dora.page.getByRole('alert').filter({ hasText: 'The browser’s service for notifications cannot be reached' }).waitFor();
  assert.equal(server.sql('SELECT count(*) FROM push_subscriptions'), '0');
  await becomes(() => dora.page.evaluate(() => localStorage.getItem('parley.push')), null);

  await dora.context.addInitScript(service);
  await dora.page.reload();
  await connected(dora.page);
  await open(dora);
  await box(dora).check();
  await becomes(() => server.sql('SELECT count(*) FROM push_subscriptions'), '1');
  await dora.page.reload();
  await connected(dora.page);
  await open(dora);
  await becomes(() => box(dora).isChecked(), true);
  await dora.page.keyboard.press('Escape');

  // Two devices of Dora's. While one is looked at no other is told; when none is, each of those that want it.
  const phone = await person(browser, server.url, { name: 'Phone' });
  await connected(phone.page);
  await account(phone.page, 'dora', { mode: 'Sign in' });
  const look = (p, at) => p.page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, !at);
  const jobs = () => server.sql("SELECT count(*) FROM jobs WHERE kind = 'push'");
  await look(dora, false);
  await say(emil.page, '@dora while the phone is looked at');
  await seesOnce(phone.page, '@dora while the phone is looked at');
  await look(phone, false);
  const settled = Number(await jobs());
  await eventually(async () => {
    await say(emil.page, `@dora while nobody looks ${Date.now()}`);
    return Number(await jobs()) > settled;
  }, 'a notice for the device that is not looked at');
  assert.equal(server.sql("SELECT count(*) FROM jobs WHERE kind = 'push' AND payload LIKE '%\"seq\":' || (SELECT seq FROM log WHERE data LIKE '%the phone is looked at%' OR text LIKE '%the phone is looked at%') || ',%'"), '0');

  await look(dora, true);
  await open(dora);
  await box(dora).uncheck();
  await becomes(() => server.sql('SELECT count(*) FROM push_subscriptions'), '0');
  assert.deepEqual([...dora.problems, ...emil.problems, ...phone.problems], []);
  for (const p of [dora, emil, phone]) await p.context.close();
});

test('the worker shows what is pushed, once for a room, unless the page is looked at, and leads to it', async () => {
  const finn = await member('Finn');
  const { page, context } = finn;
  await say(page, 'led here by a notice');
  await seesOnce(page, 'led here by a notice');
  const seq = Number(await line(page, 'led here').locator('xpath=ancestor::article').getAttribute('data-seq'));
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done, { once: true }));
  });
  const devtools = await context.newCDPSession(page);
  let registrationId;
  devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => (registrationId = registrations.at(-1)?.registrationId ?? registrationId));
  await devtools.send('ServiceWorker.enable');
  await eventually(() => registrationId !== undefined, 'the worker is registered');
  const push = (body) => devtools.send('ServiceWorker.deliverPushMessage', { origin: server.url, registrationId, data: JSON.stringify({ title: 'Ana · General', body, roomId: 'general', seq }) });
  const shown = () => page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((n) => `${n.title}: ${n.body}`));
  await push('seen on the page already');
  const other = await context.newPage(); // the page is behind another now
  await other.goto('about:blank');
  await devtools.send('Emulation.setFocusEmulationEnabled', { enabled: false }); // which would have both in front
  await other.bringToFront();
  const [worker] = context.serviceWorkers();
  await eventually(() => worker.evaluate(async () => (await self.clients.matchAll({ type: 'window' })).every((w) => !w.focused)), 'nobody looks at it');
  await push('the first');
  await becomes(shown, ['Ana · General: the first']);
  await push('the second');
  await becomes(shown, ['Ana · General: the second']);
  await worker.evaluate(async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
  });
  await page.locator('.message.highlighted', { hasText: 'led here' }).waitFor();
  await becomes(shown, []);
  assert.deepEqual(finn.problems, []);
  await context.close();
});
