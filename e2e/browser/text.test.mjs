import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, act, becomes, connected, eventually, launch, line, person, say, seesOnce } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const everything = `# A plan
Some **bold**, _slanted_, ~~gone~~ and \`code\` with a [link](https://example.test/a "x") and :tada:

- one
- [x] done
- [ ] open

> quoted
> text

| Name | Size |
|:-----|-----:|
| a | 10 |

||the **butler** https://spoiled.test/||

\`\`\`js
const answer = "42"; // of all
\`\`\``;

test('a message is drawn from its Markdown, the same for both', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben', permissions: ['clipboard-read', 'clipboard-write'] });
  await connected(ana.page);
  await connected(ben.page);
  await account(ben.page, 'ben');
  await say(ana.page, everything);
  for (const { page } of [ana, ben]) {
    const text = line(page, 'A plan');
    await text.locator('.heading', { hasText: 'A plan' }).waitFor();
    await text.locator('strong', { hasText: 'bold' }).waitFor();
    await text.locator('em', { hasText: 'slanted' }).waitFor();
    await text.locator('del', { hasText: 'gone' }).waitFor();
    await text.locator('blockquote', { hasText: 'quoted' }).waitFor();
    await text.getByRole('img', { name: 'not done', exact: true }).waitFor();
    await text.getByRole('cell', { name: '10' }).waitFor();
    const link = text.getByRole('link', { name: 'link' });
    assert.deepEqual([await link.getAttribute('href'), await link.getAttribute('rel')], ['https://example.test/a', 'noopener noreferrer nofollow']);
    await text.locator('.emoji-char', { hasText: '🎉' }).waitFor();
    await text.locator('.hljs-string', { hasText: '"42"' }).waitFor();
  }
  const text = line(ben.page, 'A plan');
  await line(ben.page, 'A plan').hover();
  await text.getByRole('button', { name: 'Copy code' }).click();
  await text.getByRole('button', { name: 'Copied' }).waitFor();
  await becomes(() => ben.page.evaluate(() => navigator.clipboard.readText()), 'const answer = "42"; // of all');

  // What is hidden is neither read nor followed before it is asked for.
  const hidden = text.getByRole('button', { name: 'Hidden: show' });
  await becomes(() => text.getByRole('link', { name: /spoiled/ }).count(), 0);
  await hidden.focus();
  await hidden.press('Enter');
  await text.getByRole('link', { name: 'https://spoiled.test/' }).waitFor();
  await becomes(() => line(ana.page, 'A plan').getByRole('button', { name: 'Hidden: show' }).count(), 1, 'hidden from others as before');

  await act(ben.page, 'A plan', 'Reply');
  await ben.page.getByText('Replying to Ana: A plan Some bold, slanted').waitFor();
  await say(ben.page, 'seen');
  await ana.page.locator('.quote', { hasText: 'Ana A plan Some bold' }).waitFor();

  await say(ana.page, 'what do you say, @ben? @nobody');
  const chip = line(ben.page, 'what do you say').getByRole('button', { name: '@ben' });
  await chip.click();
  await ben.page.locator('.profile', { hasText: '@ben' }).waitFor();
  await becomes(() => line(ben.page, 'what do you say').locator('.mention').count(), 1);
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

test('the composer formats what is selected, shows how it will look, and breaks lines in code', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const { page } = ana;
  await connected(page);
  const field = page.getByLabel('Message General');
  const select = (from, to) => field.evaluate((f, [a, b]) => f.setSelectionRange(a, b), [from, to]);
  await field.fill('make it so');
  await select(5, 7);
  await field.press('Control+b');
  await eventually(async () => (await field.inputValue()) === 'make **it** so', 'bold');
  await field.press('Control+b');
  await eventually(async () => (await field.inputValue()) === 'make it so', 'bold no more');
  await field.press('Control+k');
  await eventually(async () => (await field.inputValue()) === 'make [it](https://) so', 'a link');
  await field.fill('one\ntwo');
  await select(0, 7);
  await page.getByRole('button', { name: 'Formatting' }).click();
  await page.getByRole('button', { name: 'List', exact: true }).click();
  await eventually(async () => (await field.inputValue()) === '- one\n- two', 'a list');
  await page.getByRole('button', { name: 'Preview' }).click();
  await becomes(() => page.locator('.preview li').allTextContents(), ['one', 'two']);
  await field.fill('```');
  await field.press('End');
  await field.press('Enter');
  await field.pressSequentially('x := 1');
  await field.press('Enter');
  await field.pressSequentially('```');
  await field.press('Enter');
  await seesOnce(page, 'x := 1');
  await page.locator('.message .code-block', { hasText: 'x := 1' }).waitFor();
  await page.keyboard.press('Control+k'); // nothing is selected: it finds rooms and people
  await page.getByRole('dialog', { name: 'Find rooms and people' }).waitFor();
  assert.deepEqual(ana.problems, []);
  await ana.context.close();
});
