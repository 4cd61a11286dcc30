import { t } from '../i18n/index.svelte';
import type { Answer, Payload, RequestName } from '../wire';
import type { SecurityReply } from '../wire.gen';
import { answerChallenge, makeWith } from './passkeys';
import type { Server } from './server.svelte';
import type { Outcome } from './signIn.svelte';

/** A device that has opened a link of ours, and wants to be let in. */
export interface Claim {
  linkId: string;
  device: string;
  address: string;
}

/** What protects the account, for its owner. What changes it is asked for again after the owner has proved who they are. */
export class Security {
  state = $state.raw<SecurityReply | undefined>();
  /** Recovery codes that were just made: they are shown once. */
  codes = $state.raw<string[]>([]);
  claim = $state.raw<Claim | undefined>();
  /** Set while the owner is asked to prove who they are: to be told whether they have. */
  confirming = $state.raw<((proved: boolean) => void) | undefined>();

  constructor(private readonly server: Server, arrived: (sessionId: string, device: string) => void) {
    const { socket } = server.connection;
    socket.on('device-link-claimed', (claim) => (this.claim = claim));
    socket.on('session-new', ({ sessionId, device }) => arrived(sessionId, device));
  }

  async load(): Promise<void> {
    const answer = await this.server.ask('account-security', {});
    if (answer?.success) this.state = answer;
  }

  /** Asks for something that only who has proved who they are may have. Returns the answer, or nothing when they have not. */
  async guarded<K extends RequestName>(event: K, payload: Payload<K>): Promise<Answer<K> | undefined> {
    const answer = await this.server.ask(event, payload);
    if (!answer || answer.success || answer.code !== 'unconfirmed') return answer;
    const proved = await new Promise<boolean>((done) => (this.confirming = done));
    this.confirming = undefined;
    return proved ? this.server.ask(event, payload) : answer;
  }

  /** Changes something. Returns what is wrong, or nothing. */
  async change<K extends RequestName>(event: K, payload: Payload<K>): Promise<string> {
    const answer = await this.guarded(event, payload);
    const problem = problemOf(answer);
    if (problem) return problem;
    if (answer && 'passkeys' in answer) this.state = answer;
    else await this.load();
    if (answer && 'recoveryCodes' in answer && Array.isArray(answer.recoveryCodes)) this.codes = answer.recoveryCodes;
    return '';
  }

  /** Proves who one is: by the password, with a code where one is asked for. */
  async confirm(password: string, code?: string): Promise<Outcome> {
    return this.proved(await this.server.ask('account-confirm', { password, code }));
  }

  async confirmWithPasskey(): Promise<Outcome> {
    const { passkey, problem } = await answerChallenge(this.server);
    return problem ? { problem } : this.proved(await this.server.ask('account-confirm', { passkey }));
  }

  private proved(answer: Answer<'account-confirm'> | undefined): Outcome {
    if (answer && !answer.success && answer.code === 'second-factor') return { problem: '', second: true };
    const problem = problemOf(answer);
    if (!problem) this.confirming?.(true);
    return { problem };
  }

  /** Makes a passkey for this device, under a name by which its owner finds it again. */
  async addPasskey(name: string): Promise<string> {
    const begun = await this.guarded('passkey-begin', {});
    if (!begun?.success) return problemOf(begun);
    const passkey = await makeWith(begun.options);
    return passkey === undefined ? t('no-passkey') : this.change('passkey-add', { name, passkey });
  }

  /** Makes a secret for an authenticator. */
  beginTotp(): Promise<Answer<'totp-begin'> | undefined> {
    return this.guarded('totp-begin', {});
  }

  /** Makes a link that lets another device in. */
  link(): Promise<Answer<'device-link-create'> | undefined> {
    this.claim = undefined;
    return this.guarded('device-link-create', {});
  }

  /** Lets the device in that shows a code. */
  async approve(code: string): Promise<string> {
    const problem = problemOf(await this.guarded('device-link-approve', { linkId: this.claim?.linkId ?? '', code }));
    this.claim = undefined;
    return problem;
  }
}

/** What is wrong with an answer, or nothing. */
export function problemOf(answer: { success: boolean; error?: string; code?: string } | undefined): string {
  if (!answer) return t('no-connection');
  if (answer.success) return '';
  return answer.code === 'unconfirmed' ? t('not-confirmed') : (answer.error ?? '');
}
