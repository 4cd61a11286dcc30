import { t } from '../i18n/index.svelte';
import type { Server } from './server.svelte';

/** Whether the browser has passkeys, and the page came in a way that lets it use them. */
export function hasPasskeys(): boolean {
  return 'PublicKeyCredential' in globalThis && 'parseRequestOptionsFromJSON' in PublicKeyCredential && 'toJSON' in PublicKeyCredential.prototype;
}

/** Lets a passkey sign a challenge of a connection. What is wrong is that the person has thought better of it, or has none. */
export async function answerChallenge(connection: { ask: Server['ask'] }): Promise<{ passkey?: unknown; problem: string }> {
  const asked = await connection.ask('passkey-challenge', {});
  if (!asked?.success) return { problem: asked?.error ?? t('no-connection') };
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.options as PublicKeyCredentialRequestOptionsJSON);
  const passkey = await used(navigator.credentials.get({ publicKey }));
  return passkey === undefined ? { problem: t('no-passkey') } : { passkey, problem: '' };
}

/** Makes a passkey, or returns nothing. */
export async function makeWith(options: unknown): Promise<unknown> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as PublicKeyCredentialCreationOptionsJSON);
  return used(navigator.credentials.create({ publicKey }));
}

async function used(asked: Promise<Credential | null>): Promise<unknown> {
  try {
    const made = await asked;
    return made instanceof PublicKeyCredential ? made.toJSON() : undefined;
  } catch {
    return undefined;
  }
}
