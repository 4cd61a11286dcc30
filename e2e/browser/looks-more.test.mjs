import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, act, connected, launch, looksRight, person, say, seesOnce } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const written = '# Heading\n**bold** ~~gone~~ `code` ||hidden|| [a link](https://example.test/)\n\n> quoted\n\n- [x] done\n- [ ] open\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```js\n// why\nconst a = "b", n = 42; class C {}\n```';

test('axe finds nothing in what messages have and in the panels beside them, in any theme, size and direction', async () => {
  const ana = await person(browser, server.url, { name: 'Ana', bypassCSP: true });
  const { page } = ana;
  await connected(page);
  await account(page, 'ana');
  await say(page, written);
  await page.locator('.hljs-string').last().waitFor();
  await looksRight(page, 'Markdown');
  await page.getByRole('button', { name: 'New poll' }).click();
  await page.getByLabel('Question').fill('Which day?');
  await page.getByLabel('Option 1').fill('Thursday');
  await page.getByLabel('Option 2').fill('Friday');
  await looksRight(page, 'a new poll');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  const poll = page.locator('.message', { hasText: 'Which day?' });
  await poll.getByRole('radio', { name: /Friday/ }).check();
  await poll.getByText('1 person has voted').waitFor();
  await say(page, 'kept for later');
  await seesOnce(page, 'kept for later');
  await act(page, 'kept for later', 'Pin to the room');
  await page.locator('.pinned-mark').last().waitFor();
  await act(page, 'kept for later', 'Save for later');
  await looksRight(page, 'a poll');
  for (const what of ['Forward', 'Remind me']) {
    await act(page, 'kept for later', what);
    await page.getByRole('dialog').waitFor();
    await looksRight(page, what);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  await act(page, 'kept for later', 'Remind me');
  await page.getByRole('button', { name: /^In an hour/ }).click();
  await page.getByRole('button', { name: 'Saved messages' }).click();
  await page.locator('.panel .result').first().waitFor();
  await looksRight(page, 'saved messages');
  await page.getByRole('button', { name: /^Later/ }).click();
  await page.locator('.later li').first().waitFor();
  await looksRight(page, 'later');
  await page.getByLabel('This room for you').click();
  await looksRight(page, 'the menu of the room');
  await page.getByRole('button', { name: 'Pinned messages' }).click();
  await page.locator('.panel .result').first().waitFor();
  await looksRight(page, 'pins');
  await act(page, 'kept for later', 'Thread');
  await page.getByLabel('Reply in thread').fill('a reply');
  await page.getByLabel('Reply in thread').press('Enter');
  await page.locator('.thread .message', { hasText: 'a reply' }).waitFor();
  await page.locator('.thread-summary').last().waitFor();
  await looksRight(page, 'a thread');
  await page.getByRole('button', { name: /^Threads/ }).click();
  await page.locator('.panel .result').first().waitFor();
  await looksRight(page, 'threads');
  await page.getByRole('button', { name: 'Formatting' }).click();
  await page.getByRole('button', { name: 'Preview' }).click();
  await looksRight(page, 'formatting');
  assert.deepEqual(ana.problems, []);
  await ana.context.close();
});
