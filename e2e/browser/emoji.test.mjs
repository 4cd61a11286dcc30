// The server's own emoji, and the polls that not everybody may look into.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, act, becomes, connected, launch, person, say, seesOnce, violations } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function member(name, options = {}) {
  const p = await person(browser, server.url, { name, ...options });
  await connected(p.page);
  await account(p.page, name.toLowerCase());
  return p;
}

/** A picture of some size, as a file. */
function picture(page, name, width, height) {
  return page.evaluate(async ([w, h]) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: w, height: h });
    const pen = canvas.getContext('2d');
    pen.fillStyle = '#0f766e';
    pen.fillRect(0, 0, w, h);
    return canvas.toDataURL('image/png').split(',')[1];
  }, [width, height]).then((data) => ({ name, mimeType: 'image/png', buffer: Buffer.from(data, 'base64') }));
}

test("the server's own emoji: who may adds them, everybody uses them, who added one removes it", async () => {
  const olga = await member('Olga', { bypassCSP: true }); // the first account owns the server
  const ben = await member('Ben');
  const dialog = (p) => p.page.getByRole('dialog', { name: 'Emoji of this server' });
  await olga.page.getByRole('button', { name: 'Emoji', exact: true }).click();
  await olga.page.getByRole('button', { name: 'Add an emoji' }).click();
  await dialog(olga).getByText('This server has no emoji of its own yet.').waitFor();
  await dialog(olga).getByLabel('Choose a picture').setInputFiles(await picture(olga.page, 'Party Parrot.png', 300, 120));
  await becomes(() => dialog(olga).getByLabel('Name').inputValue(), 'party_parrot');
  await dialog(olga).getByRole('button', { name: 'Add an emoji' }).click();
  await dialog(olga).getByText(':party_parrot:', { exact: true }).waitFor();
  assert.deepEqual(await violations(olga.page), []);
  // The same name again, and what is no picture, are refused where they are given.
  await dialog(olga).getByLabel('Choose a picture').setInputFiles(await picture(olga.page, 'party_parrot.png', 20, 20));
  await dialog(olga).getByRole('button', { name: 'Add an emoji' }).click();
  await dialog(olga).getByRole('alert').filter({ hasText: 'There is an emoji of that name' }).waitFor();
  await dialog(olga).getByLabel('Choose a picture').setInputFiles({ name: 'no.png', mimeType: 'image/png', buffer: Buffer.from('nothing') });
  await dialog(olga).getByRole('alert').filter({ hasText: 'That is not a picture that can be used' }).waitFor();
  await olga.page.keyboard.press('Escape');

  // Ben may not add any, and uses it all the same.
  await ben.page.getByRole('button', { name: 'Settings', exact: true }).click();
  await ben.page.getByRole('button', { name: 'Emoji of this server' }).click();
  await dialog(ben).getByText('You may not add any').waitFor();
  await dialog(ben).getByText(':party_parrot:', { exact: true }).waitFor();
  assert.equal(await dialog(ben).getByRole('button', { name: /Remove|Add/ }).count(), 0);
  await ben.page.keyboard.press('Escape');
  await dialog(ben).waitFor({ state: 'detached' });
  await say(ben.page, 'look at this :party_parrot:');
  const row = (p) => p.page.locator('.message', { hasText: 'look at this' });
  const sign = row(olga).locator('.text img.own-emoji');
  await becomes(() => sign.evaluate((i) => [i.complete && i.naturalWidth > 0, i.width, i.height]), [true, 20, 20]);
  await act(ben.page, 'look at this', 'React');
  assert.equal(await ben.page.locator('.picker').getByRole('button', { name: 'Add an emoji' }).count(), 0);
  await ben.page.locator('.picker').getByLabel('React with :party_parrot:').click();
  await row(olga).locator('.reaction img.own-emoji').waitFor();

  await olga.page.getByRole('button', { name: 'Settings', exact: true }).click();
  await olga.page.getByRole('button', { name: 'Emoji of this server' }).click();
  await dialog(olga).getByRole('button', { name: 'Remove party_parrot' }).click();
  await dialog(olga).getByText('This server has no emoji of its own yet.').waitFor();
  await becomes(() => row(ben).locator('.text').textContent(), 'look at this :party_parrot:');
  assert.deepEqual([...olga.problems, ...ben.problems], []);
  await olga.context.close();
  await ben.context.close();
});

test('a poll in which several may be chosen, and nobody sees by whom', async () => {
  const finn = await member('Finn');
  const gus = await member('Gus');
  await finn.page.getByRole('button', { name: 'New poll' }).click();
  const dialog = finn.page.getByRole('dialog', { name: 'New poll' });
  await dialog.getByLabel('Question').fill('What to bring?');
  await dialog.getByLabel('Option 1').fill('Bread');
  await dialog.getByLabel('Option 2').fill('Cheese');
  await dialog.getByRole('button', { name: 'Add an option' }).click();
  await dialog.getByLabel('Option 3', { exact: true }).fill('Wine');
  await dialog.getByLabel('Several may be chosen').check();
  await dialog.getByLabel('Nobody sees who chose what').check();
  await dialog.getByRole('button', { name: 'Ask', exact: true }).click();
  const poll = (p) => p.page.locator('.message', { hasText: 'What to bring?' });
  const votes = (p) => poll(p).locator('.poll-votes').allTextContents();
  for (const [p, what] of [[gus, /Bread/], [gus, /Cheese/], [gus, /Wine/], [finn, /Wine/]]) await poll(p).getByRole('checkbox', { name: what }).check();
  await poll(gus).getByRole('checkbox', { name: /Cheese/ }).uncheck();
  for (const p of [finn, gus]) await becomes(() => votes(p), ['1 vote', '0 votes', '2 votes']);
  await poll(finn).getByText('2 people have voted · anonymous').waitFor();
  assert.deepEqual(await poll(finn).locator('.poll-option').evaluateAll((all) => all.map((o) => o.title)), ['', '', ''], 'who has voted is not told');
  await gus.page.reload();
  await connected(gus.page);
  await becomes(() => poll(gus).getByRole('checkbox').evaluateAll((all) => all.map((o) => o.checked)), [true, false, true]);
  await act(finn.page, 'What to bring?', 'Close the poll');
  await poll(gus).getByText('closed').waitFor();
  await becomes(() => poll(gus).getByRole('checkbox', { name: /Bread/ }).isDisabled(), true);
  await becomes(() => votes(gus), ['1 vote', '0 votes', '2 votes']);
  await say(gus.page, 'so wine it is');
  await seesOnce(finn.page, 'so wine it is');
  assert.deepEqual([...finn.problems, ...gus.problems], []);
  await finn.context.close();
  await gus.context.close();
});
