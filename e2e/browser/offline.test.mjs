// What one keeps for oneself is there without a connection, and what one changes of it then is not lost.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Network, Parley, account, act, becomes, connected, launch, person, say, seesOnce } from './harness.mjs';

let browser, server, network;
before(async () => {
  browser = await launch();
  server = await Parley.start();
  network = await Network.to(server);
});
after(async () => {
  await browser?.close();
  await network?.stop();
  await server?.stop();
});

/** Waits until the page's service worker answers for it, and the device has what is in the folder of one's own. */
async function kept(page, what) {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done, { once: true }));
  });
  for (const key of ['personal', 'saved', 'rooms']) {
    await becomes(() => page.evaluate((k) => new Promise((done) => {
      const opening = indexedDB.open('parley');
      opening.onsuccess = () => {
        const get = opening.result.transaction('kept').objectStore('kept').get(k);
        get.onsuccess = () => (opening.result.close(), done(JSON.stringify(get.result ?? '')));
      };
    }), key).then((text) => text.includes(what[key] ?? '')), true, key);
  }
}

test('saved messages, reminders and drafts without a connection: read, changed, and told when it is back', async () => {
  const ana = await person(browser, network.url, { name: 'Ana' });
  const { page } = ana;
  await connected(page);
  await account(page, 'ana');
  const desk = await person(browser, server.url, { name: 'Desk' });
  await connected(desk.page);
  await account(desk.page, 'ana', { mode: 'Sign in' });
  for (const text of ['saved before', 'saved in the tunnel', 'reminded of']) {
    await say(page, text);
    await seesOnce(desk.page, text);
  }
  await act(page, 'saved before', 'Save for later');
  await act(page, 'reminded of', 'Remind me');
  await page.getByRole('button', { name: /^In an hour/ }).click();
  await page.getByRole('button', { name: 'Saved messages' }).click();
  const results = (p) => p.locator('.panel .result-text').allTextContents();
  await becomes(() => results(page), ['saved before']);
  await page.getByLabel('Message General').fill('an old draft');
  await becomes(() => desk.page.getByLabel('Message General').inputValue(), 'an old draft');
  await kept(page, { personal: 'reminder', saved: 'saved before', rooms: 'general' });

  network.cut();
  await page.reload();
  await seesOnce(page, 'saved in the tunnel');
  await page.getByRole('button', { name: 'Saved messages' }).click();
  await page.getByText('You are offline. This is how it was last time.').waitFor();
  await becomes(() => results(page), ['saved before']);
  await act(page, 'saved in the tunnel', 'Save for later');
  await page.getByText('You are offline. It will be done when you are back.').waitFor();
  await becomes(() => results(page), ['saved in the tunnel', 'saved before']);
  await page.locator('.panel li', { hasText: 'saved before' }).getByRole('button', { name: 'Remove from saved' }).click();
  await becomes(() => results(page), ['saved in the tunnel']);
  await page.getByRole('button', { name: /^Later/ }).click();
  await page.locator('.later li', { hasText: 'reminded of' }).getByRole('button', { name: 'Done' }).click();
  await page.getByText('Messages that are to be sent later').waitFor();
  await page.getByLabel('Message General').fill('a draft of the tunnel');
  await becomes(() => page.evaluate(() => localStorage.getItem('parley.draft')), 'a draft of the tunnel');

  // The tab is closed before the connection is back.
  await page.close();
  const again = await ana.context.newPage();
  await again.goto(network.url);
  await becomes(() => again.getByLabel('Message General').inputValue(), 'a draft of the tunnel');
  network.mend();
  await connected(again);
  await becomes(() => desk.page.getByLabel('Message General').inputValue(), 'a draft of the tunnel');
  assert.equal(await again.getByLabel('Message General').inputValue(), 'a draft of the tunnel');
  for (const p of [again, desk.page]) {
    await p.getByRole('button', { name: 'Saved messages' }).click();
    await becomes(() => results(p), ['saved in the tunnel']);
    await becomes(() => p.getByRole('button', { name: /^Later/ }).count(), 0);
  }
  assert.deepEqual([...ana.problems, ...desk.problems], []);
  await ana.context.close();
  await desk.context.close();
});
