import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, act, becomes, connected, eventually, launch, person, say, seesOnce } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('a thread: replies beside the room, followed, unread elsewhere, also sent to the room, and read after a reload', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben', permissions: ['clipboard-read', 'clipboard-write'] });
  await connected(ana.page);
  await connected(ben.page);
  await account(ana.page, 'ana');
  await account(ben.page, 'ben');
  const thread = (p) => p.page.locator('.panel.thread');
  const reply = async (p, text) => {
    await p.page.getByLabel('Reply in thread').fill(text);
    await p.page.getByLabel('Reply in thread').press('Enter');
  };
  await say(ana.page, 'shall we **ship** on Thursday?');
  await seesOnce(ben.page, 'shall we ship on Thursday?');
  await act(ben.page, 'shall we ship', 'Thread');
  await thread(ben).locator('.thread-root strong', { hasText: 'ship' }).waitFor();
  await reply(ben, 'Friday is better');
  await thread(ben).locator('.message', { hasText: 'Friday is better' }).waitFor();
  await becomes(() => ben.page.locator('.room .message', { hasText: 'Friday' }).count(), 0, 'a reply is not in the room');

  // Whoever wrote the message follows its thread, and is told.
  const entry = ana.page.getByRole('button', { name: /^Threads/ });
  await eventually(async () => (await entry.textContent()).includes('1'), 'one thread has something new');
  await ana.page.locator('.thread-summary', { hasText: '1 reply' }).waitFor();
  await entry.click();
  await ana.page.locator('.hits .result', { hasText: 'shall we ship on Thursday?' }).filter({ hasText: '1 new' }).click();
  await thread(ana).locator('.message', { hasText: 'Friday is better' }).waitFor();
  await eventually(async () => !/\d/.test(await entry.textContent()), 'it is read');
  await ana.page.getByLabel('Also send to General').check();
  await reply(ana, 'Friday it is');
  await thread(ben).locator('.message', { hasText: 'Friday it is' }).waitFor();
  const told = ben.page.locator('.room .message', { hasText: 'Friday it is' });
  await told.getByRole('button', { name: 'said in a thread' }).waitFor();

  // It can be no longer followed, and a link to a reply opens it beside its room.
  await thread(ana).getByRole('button', { name: 'Stop following this thread' }).click();
  await thread(ana).getByRole('button', { name: 'Follow this thread' }).waitFor();
  await thread(ana).getByRole('button', { name: 'Close' }).click();
  await thread(ben).locator('.message', { hasText: 'Friday is better' }).hover();
  await thread(ben).getByRole('button', { name: 'More' }).click();
  await ben.page.getByRole('menuitem', { name: 'Copy link' }).click();
  await ben.page.getByText('Copied', { exact: true }).waitFor();
  const link = await ben.page.evaluate(() => navigator.clipboard.readText());
  assert.match(link, new RegExp(`^${server.url}/m/[^/]+/[^/]+$`));
  await reply(ben, 'nobody else is told of this');
  await thread(ben).locator('.message', { hasText: 'nobody else' }).waitFor();
  assert.doesNotMatch(await entry.textContent(), /\d/);
  await ana.page.goto(link);
  await connected(ana.page);
  await thread(ana).locator('.message.highlighted', { hasText: 'Friday is better' }).waitFor();
  await thread(ana).locator('.message', { hasText: 'nobody else is told of this' }).waitFor();
  await becomes(() => ana.page.locator('.room .message', { hasText: 'shall we ship' }).count(), 1);

  // Written without a connection it waits, and arrives once.
  await ben.context.setOffline(true);
  await ben.page.evaluate(() => window.dispatchEvent(new Event('offline')));
  await server.kill();
  await reply(ben, 'written offline');
  await server.start();
  await ben.context.setOffline(false);
  await thread(ana).locator('.message[data-seq]', { hasText: 'written offline' }).waitFor({ timeout: 30_000 });
  await becomes(() => thread(ana).locator('.message', { hasText: 'written offline' }).count(), 1);
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});
