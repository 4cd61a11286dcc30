import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Parley, account, act, connected, launch, person, say, seesOnce } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function violations(page) {
  const found = await page.evaluate(() => window.axe.run(document));
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}

const written = '# Heading\n**bold** ~~gone~~ `code` ||hidden|| [a link](https://example.test/)\n\n> quoted\n\n- [x] done\n- [ ] open\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```js\n// why\nconst a = "b", n = 42; class C {}\n```';

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing in what messages have and in the panels beside them, ${colorScheme}`, async () => {
    const ana = await person(browser, server.url, { name: 'Ana', colorScheme, bypassCSP: true });
    const { page } = ana;
    await connected(page);
    await account(page, `ana-${colorScheme}`);
    await page.evaluate(axe);
    await say(page, written + colorScheme);
    await page.locator('.hljs-string').last().waitFor();
    assert.deepEqual(await violations(page), [], 'Markdown');
    await page.getByRole('button', { name: 'New poll' }).click();
    await page.getByLabel('Question').fill(`Which day, ${colorScheme}?`);
    await page.getByLabel('Option 1').fill('Thursday');
    await page.getByLabel('Option 2').fill('Friday');
    assert.deepEqual(await violations(page), [], 'a new poll');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    const poll = page.locator('.message', { hasText: `Which day, ${colorScheme}?` });
    await poll.getByRole('radio', { name: /Friday/ }).check();
    await poll.getByText('1 person has voted').waitFor();
    await say(page, `kept ${colorScheme}`);
    await seesOnce(page, `kept ${colorScheme}`);
    await act(page, `kept ${colorScheme}`, 'Pin to the room');
    await page.locator('.pinned-mark').last().waitFor();
    await act(page, `kept ${colorScheme}`, 'Save for later');
    assert.deepEqual(await violations(page), [], 'a poll');
    for (const what of ['Forward', 'Remind me']) {
      await act(page, `kept ${colorScheme}`, what);
      await page.getByRole('dialog').waitFor();
      assert.deepEqual(await violations(page), [], what);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    await act(page, `kept ${colorScheme}`, 'Remind me');
    await page.getByRole('button', { name: /^In an hour/ }).click();
    await page.getByRole('button', { name: 'Saved messages' }).click();
    await page.locator('.panel .result').first().waitFor();
    assert.deepEqual(await violations(page), [], 'saved messages');
    await page.getByRole('button', { name: /^Later/ }).click();
    await page.locator('.later li').first().waitFor();
    assert.deepEqual(await violations(page), [], 'later');
    await page.getByLabel('This room for you').click();
    assert.deepEqual(await violations(page), [], 'the menu of the room');
    await page.getByRole('button', { name: 'Pinned messages' }).click();
    await page.locator('.panel .result').first().waitFor();
    assert.deepEqual(await violations(page), [], 'pins');
    await act(page, `kept ${colorScheme}`, 'Thread');
    await page.getByLabel('Reply in thread').fill('a reply');
    await page.getByLabel('Reply in thread').press('Enter');
    await page.locator('.thread .message', { hasText: 'a reply' }).waitFor();
    await page.locator('.thread-summary').last().waitFor();
    assert.deepEqual(await violations(page), [], 'a thread');
    await page.getByRole('button', { name: /^Threads/ }).click();
    await page.locator('.panel .result').first().waitFor();
    assert.deepEqual(await violations(page), [], 'threads');
    await page.getByRole('button', { name: 'Formatting' }).click();
    await page.getByRole('button', { name: 'Preview' }).click();
    assert.deepEqual(await violations(page), [], 'formatting');
    assert.deepEqual(ana.problems, []);
    await ana.context.close();
  });
}
