// Passkeys with an authenticator that the browser itself emulates: made, used as the first factor and as the second, and gone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, Parley, person } from './harness.mjs';

let server, browser;
before(async () => {
  server = await Parley.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The page's own functions to talk to the server and to the authenticator. */
async function prepare(page) {
  await page.evaluate(async () => {
    const { io } = await import('/socket.io/socket.io.esm.min.js');
    globalThis.connect = async () => {
      globalThis.socket?.disconnect();
      globalThis.socket = io({ forceNew: true, transports: ['websocket'] });
      await new Promise((resolve) => globalThis.socket.on('connect', resolve));
    };
    globalThis.ask = (event, payload = {}) => globalThis.socket.emitWithAck(event, payload);
    globalThis.make = async (name) => {
      const { options, ...refusal } = await globalThis.ask('passkey-begin');
      if (!options) return refusal;
      const made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
      return globalThis.ask('passkey-add', { name, passkey: made.toJSON() });
    };
    globalThis.sign = async () => {
      const { options } = await globalThis.ask('passkey-challenge');
      const signed = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      return signed.toJSON();
    };
    await globalThis.connect();
  });
}

test('a passkey signs in, alone and besides a password', async () => {
  const { page, context, problems } = await person(browser, server.url);
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await prepare(page);
  const password = 'a long enough password';
  const account = await page.evaluate((p) => globalThis.ask('account-create', { name: 'ana', password: p }), password);
  assert.equal(account.success, true);
  const added = await page.evaluate(() => globalThis.make('This browser'));
  assert.equal(added.success, true, JSON.stringify(added));
  assert.equal(added.passkeys[0].name, 'This browser');

  // Alone, on a connection that knows nobody.
  const joined = await page.evaluate(async () => {
    await globalThis.connect();
    return globalThis.ask('passkey-login', { passkey: await globalThis.sign() });
  });
  assert.equal(joined.success, true, JSON.stringify(joined));
  assert.equal(joined.userId, account.userId);
  assert.notEqual(joined.sessionId, account.sessionId);

  // An answer is taken once, and only on the connection that was asked.
  const replayed = await page.evaluate(async () => {
    await globalThis.connect();
    const answer = await globalThis.sign();
    const first = await globalThis.ask('passkey-login', { passkey: answer });
    await globalThis.connect();
    await globalThis.ask('passkey-challenge');
    return [first.success, await globalThis.ask('passkey-login', { passkey: answer })];
  });
  assert.equal(replayed[0], true);
  assert.equal(replayed[1].code, 'unauthenticated');

  // As the second factor.
  const second = await page.evaluate(async (p) => {
    await globalThis.connect();
    await globalThis.ask('passkey-login', { passkey: await globalThis.sign() });
    const on = await globalThis.ask('second-factor', { required: true });
    await globalThis.connect();
    const alone = await globalThis.ask('account-login', { name: 'ana', password: p });
    const both = await globalThis.ask('account-login', { name: 'ana', password: p, passkey: await globalThis.sign() });
    return { on, alone, both };
  }, password);
  assert.equal(second.on.recoveryCodes.length, 10);
  assert.equal(second.alone.code, 'second-factor');
  assert.equal(second.both.success, true, JSON.stringify(second.both));

  // Somebody who cannot unlock the device gets nothing out of it.
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  const locked = await page.evaluate(async () => {
    await globalThis.connect();
    return globalThis.sign().then(() => 'signed', (e) => e.name);
  });
  assert.equal(locked, 'NotAllowedError');
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });

  // Removed from the account, it opens nothing, though the browser still has it.
  const removed = await page.evaluate(async (p) => {
    await globalThis.connect();
    await globalThis.ask('account-login', { name: 'ana', password: p, passkey: await globalThis.sign() });
    const { passkeys } = await globalThis.ask('account-security');
    const left = await globalThis.ask('passkey-remove', { passkeyId: passkeys[0].passkeyId });
    await globalThis.connect();
    return [left, await globalThis.ask('passkey-login', { passkey: await globalThis.sign() })];
  }, password);
  assert.equal(removed[0].passkeys.length, 0);
  assert.equal(removed[0].secondFactor, false);
  assert.equal(removed[1].code, 'unauthenticated');
  assert.deepEqual(problems, []);
  await context.close();
});
