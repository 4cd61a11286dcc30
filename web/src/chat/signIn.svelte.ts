import { t } from '../i18n/index.svelte';
import type { Answer } from '../wire';
import { answerChallenge } from './passkeys';
import type { Session } from './session.svelte';
import { Visitor } from './visitor';

/** Which ways there are to come in here. */
export interface Ways {
  guests: boolean;
  signUp: 'open' | 'invite' | 'closed';
  /** What the OpenID provider is known as, if there is one. */
  oidc?: string;
  /** Whether the server sends mail. */
  mail: boolean;
  /** Whether nobody owns the server yet. */
  setUp: boolean;
}

/** What came of an attempt: what is wrong, or nothing; and whether a second factor is asked for besides. */
export interface Outcome {
  problem: string;
  second?: boolean;
}

type Joining = 'account-login' | 'passkey-login' | 'device-link-finish';

/** Signing in: whatever way somebody proves who they are, the session that comes of it becomes this page's. */
export class SignIn {
  ways = $state.raw<Ways | undefined>();

  constructor(private readonly session: Session) {
    void this.load();
  }

  async load(): Promise<void> {
    try {
      const answer = await fetch('/api/sign-in');
      if (answer.ok) this.ways = (await answer.json()) as Ways;
    } catch {
      // Asked again when somebody wants to sign in.
    }
  }

  withPassword(name: string, password: string, code?: string): Promise<Outcome> {
    return this.visit((v) => v.ask('account-login', { name, password, code }));
  }

  withPasskey(): Promise<Outcome> {
    return this.visit(async (v) => {
      const { passkey, problem } = await answerChallenge(v);
      return problem || v.ask('passkey-login', { passkey });
    });
  }

  /** With a passkey as the second factor. */
  withBoth(name: string, password: string): Promise<Outcome> {
    return this.visit(async (v) => {
      const { passkey, problem } = await answerChallenge(v);
      return problem || v.ask('account-login', { name, password, passkey });
    });
  }

  /** Goes to the OpenID provider, and does not come back to this page as it is. Returns what is wrong. */
  async withProvider(purpose: 'sign-in' | 'link' | 'confirm'): Promise<string> {
    try {
      const res = await fetch('/api/oidc', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ purpose }) });
      const answer = (await res.json()) as { success: boolean; url?: string; error?: string };
      if (!answer.success || !answer.url) return answer.error ?? t('no-connection');
      location.assign(answer.url);
      return '';
    } catch {
      return t('no-connection');
    }
  }

  /** Opens a link that another device has shown: tells the code that is to be entered there, and waits to be let in. */
  async withLink(token: string, code: (shown: string) => void): Promise<Outcome> {
    return this.visit(async (v) => {
      const claimed = await v.ask('device-link-claim', { token });
      if (!claimed?.success) return claimed;
      code(claimed.code);
      for (;;) {
        const answer = await v.ask('device-link-finish', { claim: claimed.claim });
        if (!answer || answer.success || answer.code !== 'unavailable') return answer;
        await new Promise((done) => setTimeout(done, 1000 * (answer.retryAfter ?? 2)));
      }
    });
  }

  private async visit(how: (v: Visitor) => Promise<Answer<Joining> | string | undefined>): Promise<Outcome> {
    const visitor = new Visitor();
    try {
      const answer = await how(visitor);
      if (typeof answer === 'string') return { problem: answer };
      if (!answer) return { problem: t('no-connection') };
      if (!answer.success) return answer.code === 'second-factor' ? { problem: '', second: true } : { problem: answer.error };
      await this.session.become(answer.token ?? '');
      return { problem: '' };
    } finally {
      visitor.close();
    }
  }
}
