import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, becomes, connected, eventually, launch, line, person, say, seesOnce } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('after kill -9 the page recovers by itself and shows what was sent meanwhile, once', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben' });
  await connected(ana.page);
  await connected(ben.page);
  await say(ana.page, 'before the crash');
  await seesOnce(ben.page, 'before the crash');
  await ben.context.setOffline(true); // Ben stays away longer than the server does
  await server.kill();
  await ana.page.locator('.status:not([data-status=connected])').waitFor();
  await say(ana.page, 'written while it was down 1');
  await say(ana.page, 'written while it was down 2');
  await line(ana.page, 'written while it was down 2').waitFor();
  await server.start();
  await connected(ana.page);
  await eventually(async () => (await ana.page.locator('.message[data-seq]', { hasText: 'down 2' }).count()) === 1, 'the outbox delivered');
  await ben.context.setOffline(false);
  await connected(ben.page);
  for (const page of [ana.page, ben.page]) {
    await seesOnce(page, 'before the crash');
    await seesOnce(page, 'written while it was down 1');
    await seesOnce(page, 'written while it was down 2');
  }
  const order = await ben.page.locator('.message .text').allTextContents();
  assert.deepEqual(order, ['before the crash', 'written while it was down 1', 'written while it was down 2']);
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

test('what is written offline survives the tab and arrives once, in order', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  await connected(ana.page);
  await ana.context.setOffline(true);
  await eventually(async () => {
    await say(ana.page, `offline ${Date.now()}`);
    return true;
  }, 'writing while offline');
  await say(ana.page, 'second offline');
  await ana.page.getByText('sending when back online').first().waitFor({ timeout: 20_000 }).catch(() => {});
  await ana.page.close();
  await ana.context.setOffline(false);
  const again = await ana.context.newPage();
  await again.goto(server.url);
  await connected(again);
  await eventually(async () => (await again.locator('.message[data-seq]', { hasText: 'second offline' }).count()) === 1, 'delivered');
  const texts = (await again.locator('.message .text').allTextContents()).filter((t) => t.includes('offline'));
  assert.equal(texts.length, 2);
  assert.equal(texts[1], 'second offline');
  await ana.context.close();
});

test('a planned restart is no error to anybody', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  await connected(ana.page);
  const banner = ana.page.locator('.banner');
  await server.end('SIGTERM');
  await say(ana.page, 'across the restart');
  await server.start();
  await connected(ana.page);
  await eventually(async () => (await ana.page.locator('.message[data-seq]', { hasText: 'across the restart' }).count()) === 1, 'delivered');
  await seesOnce(ana.page, 'across the restart');
  await becomes(() => banner.count(), 0);
  await ana.context.close();
});

test('a client over the rate limit is told, and its messages arrive all the same, later', async () => {
  const strict = await Parley.start({ PARLEY_RATE_LIMIT: '3/s', PARLEY_EVENTS_PER_MINUTE: '600' });
  try {
    const ana = await person(browser, strict.url, { name: 'Ana' });
    await connected(ana.page);
    for (let i = 1; i <= 6; i++) await say(ana.page, `quick ${i}`);
    await eventually(async () => (await ana.page.locator('.message[data-seq]').count()) === 6, 'all six arrived');
    await becomes(() => ana.page.locator('.message .text').allTextContents(), [1, 2, 3, 4, 5, 6].map((i) => `quick ${i}`));
    await ana.context.close();
  } finally {
    await strict.stop();
  }
});
