import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, act, becomes, connected, eventually, launch, line, newRoom, person, say, seesOnce } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Somebody with an account, on a page of their own. */
async function member(name, options = {}) {
  const p = await person(browser, server.url, { name, ...options });
  await connected(p.page);
  await account(p.page, name.toLowerCase());
  return p;
}

test('messages are pinned for all, saved for oneself, and passed on', async () => {
  const ana = await member('Ana');
  const ben = await member('Ben');
  await newRoom(ana.page, 'Elsewhere');
  await ana.page.getByRole('button', { name: /^General/ }).click();
  await say(ana.page, 'the **plan** of the year');
  await seesOnce(ben.page, 'the plan of the year');
  await act(ana.page, 'the plan of the year', 'Pin to the room');
  await ben.page.locator('.message', { hasText: 'the plan of the year' }).getByText('Pinned', { exact: true }).waitFor();
  await ben.page.getByLabel('This room for you').click();
  await ben.page.getByRole('button', { name: 'Pinned messages' }).click();
  await ben.page.locator('.panel .result-text', { hasText: 'the plan of the year' }).waitFor();

  await act(ana.page, 'the plan of the year', 'Save for later');
  await ana.page.getByRole('button', { name: 'Saved messages' }).click();
  const saved = ana.page.locator('.panel .result', { hasText: 'the plan of the year' });
  await saved.waitFor();
  await ana.page.getByRole('button', { name: /^Elsewhere/ }).click();
  await ana.page.getByLabel('Message Elsewhere').waitFor();
  await saved.click();
  await ana.page.locator('.message.highlighted', { hasText: 'the plan of the year' }).waitFor();
  await ana.page.locator('.panel').getByRole('button', { name: 'Remove from saved' }).click();
  await ana.page.getByText('Only you see what you save').waitFor();

  await act(ana.page, 'the plan of the year', 'Forward');
  const dialog = ana.page.getByRole('dialog', { name: 'Forward this message' });
  await dialog.getByRole('radio', { name: 'Elsewhere' }).check();
  await dialog.getByLabel('Say something about it').fill('for you here');
  await dialog.getByRole('button', { name: 'Forward', exact: true }).click();
  await ana.page.getByRole('button', { name: /^Elsewhere/ }).click();
  const passed = ana.page.locator('.message', { hasText: 'for you here' });
  await passed.locator('.forwarded strong', { hasText: 'plan' }).waitFor();
  await passed.getByRole('button', { name: 'Show the original' }).click();
  await ana.page.locator('.message.highlighted', { hasText: 'the plan of the year' }).waitFor();
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

test('favourites, muting, drafts and blocking are the same on all devices', async () => {
  const dora = await member('Dora');
  const emil = await member('Emil');
  const phone = await person(browser, server.url, { name: 'Phone' });
  await connected(phone.page);
  await account(phone.page, 'dora', { mode: 'Sign in' });
  const favourites = (p) => p.page.getByRole('navigation', { name: 'Favourites' });
  await dora.page.getByLabel('This room for you').click();
  await dora.page.getByRole('button', { name: 'Favourite', exact: true }).click();
  await favourites(phone).getByRole('button', { name: /^General/ }).waitFor();
  await dora.page.getByRole('button', { name: '1 hour' }).click();
  await favourites(phone).getByRole('button', { name: /^General.*muted/ }).waitFor();
  await dora.page.getByRole('button', { name: 'Unmute' }).click();
  await eventually(async () => (await favourites(phone).getByRole('button', { name: /muted/ }).count()) === 0, 'not muted any more');
  await dora.page.keyboard.press('Escape');

  await dora.page.getByLabel('Message General').fill('half a thought');
  await eventually(async () => (await phone.page.getByLabel('Message General').inputValue()) === 'half a thought', 'the draft on the other device');
  await dora.page.getByLabel('Message General').press('Enter');
  await seesOnce(phone.page, 'half a thought');
  await eventually(async () => (await phone.page.getByLabel('Message General').inputValue()) === '', 'the draft is gone there too');
  await becomes(() => dora.page.getByLabel('Message General').inputValue(), '');

  await say(emil.page, 'something unpleasant');
  await seesOnce(dora.page, 'something unpleasant');
  await dora.page.getByRole('button', { name: 'Profile of Emil' }).first().click();
  await dora.page.locator('.profile').getByRole('button', { name: 'Block' }).click();
  await eventually(async () => (await line(phone.page, 'something unpleasant').count()) === 0, 'hidden on the other device');
  await dora.page.getByText('You have blocked Emil').waitFor();
  await dora.page.locator('.hidden-message').getByRole('button', { name: 'Show' }).click();
  await seesOnce(dora.page, 'something unpleasant');
  await dora.page.locator('.profile').getByRole('button', { name: 'Unblock' }).click();
  await seesOnce(phone.page, 'something unpleasant');

  await dora.page.getByRole('button', { name: 'Settings', exact: true }).click();
  await dora.page.getByLabel('Words that call me').fill('launch, budget');
  await dora.page.getByLabel('Who may begin a conversation with me').selectOption('nobody');
  await dora.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await dora.page.getByRole('dialog').getByText('Saved', { exact: true }).waitFor();
  await phone.page.getByRole('button', { name: 'Settings', exact: true }).click();
  await eventually(async () => (await phone.page.getByLabel('Words that call me').inputValue()) === 'launch, budget', 'the words on the other device');
  assert.deepEqual([...dora.problems, ...emil.problems, ...phone.problems], []);
  for (const p of [dora, emil, phone]) await p.context.close();
});

test('a poll is made, voted in and closed; what is sent later and reminders are kept', async () => {
  const finn = await member('Finn');
  const gus = await member('Gus');
  await finn.page.getByRole('button', { name: 'New poll' }).click();
  const dialog = finn.page.getByRole('dialog', { name: 'New poll' });
  await dialog.getByLabel('Question').fill('Which day?');
  await dialog.getByLabel('Option 1').fill('Thursday');
  await dialog.getByLabel('Option 2').fill('Friday');
  await dialog.getByRole('button', { name: 'Ask', exact: true }).click();
  const poll = (p) => p.page.locator('.message', { hasText: 'Which day?' });
  await poll(gus).getByRole('radio', { name: /Friday/ }).check();
  await poll(gus).getByText('1 person has voted').waitFor();
  await poll(finn).getByText('1 person has voted').waitFor();
  await poll(gus).getByRole('radio', { name: /Thursday/ }).check();
  await poll(finn).locator('.poll-option', { hasText: 'Thursday' }).getByText('1 vote').waitFor();
  await gus.page.reload();
  await connected(gus.page);
  await eventually(() => poll(gus).getByRole('radio', { name: /Thursday/ }).isChecked(), 'what one chose, after a reload');
  await act(finn.page, 'Which day?', 'Close the poll');
  await poll(gus).getByText('closed').waitFor();
  await becomes(() => poll(gus).getByRole('radio', { name: /Friday/ }).isDisabled(), true);

  await finn.page.getByLabel('Message General').fill('good morning, all');
  await finn.page.getByRole('button', { name: 'Send later' }).click();
  await finn.page.getByRole('button', { name: /^Tomorrow morning/ }).click();
  await finn.page.getByRole('button', { name: /^Later/ }).click();
  const kept = finn.page.locator('.later li', { hasText: 'good morning, all' });
  await kept.getByRole('button', { name: 'Edit' }).click();
  await eventually(async () => (await finn.page.getByLabel('Message General').inputValue()) === 'good morning, all', 'back in the composer');
  await kept.waitFor({ state: 'detached' });
  await finn.page.getByRole('button', { name: 'Send later' }).click();
  await finn.page.getByRole('button', { name: /^Tomorrow morning/ }).click();
  await kept.getByRole('button', { name: 'Send now' }).click();
  await seesOnce(gus.page, 'good morning, all');

  await act(gus.page, 'good morning, all', 'Remind me');
  await gus.page.getByRole('button', { name: /^In an hour/ }).click();
  await gus.page.getByRole('button', { name: /^Later/ }).click();
  const reminder = gus.page.locator('.later li', { hasText: 'good morning, all' });
  await reminder.getByRole('button', { name: 'Open' }).click();
  await gus.page.locator('.message.highlighted', { hasText: 'good morning, all' }).waitFor();
  await reminder.getByRole('button', { name: 'Done' }).click();
  await reminder.waitFor({ state: 'detached' });
  assert.deepEqual([...finn.problems, ...gus.problems], []);
  await finn.context.close();
  await gus.context.close();
});
