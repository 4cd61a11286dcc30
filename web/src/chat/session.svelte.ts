import { nickname } from '../state/names';
import { t } from '../i18n/index.svelte';
import { forgetAll, recall, remember } from '../storage';
import type { Joined, Role } from '../wire';
import type { Server } from './server.svelte';

export interface Me {
  userId: string;
  username: string;
  login: string;
  role: Role;
}

/** An account to be used at the next connection, and who waits for what comes of it. */
interface Credentials {
  event: 'account-login' | 'account-create';
  name: string;
  password: string;
  invitation?: string;
  done: (problem: string) => void;
}

/** Who one is, and how one comes in: as a guest, by an account, by the cookie of last time. */
export class Session {
  me = $state<Me>({ userId: recall('userId') ?? '', username: recall('name') ?? nickname(Math.random), login: recall('login') ?? '', role: (recall('role') ?? 'guest') as Role });
  /** Set when the server admits nobody without an account: why not. */
  gate = $state('');
  nameError = $state('');
  private credentials: Credentials | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly server: Server, private readonly welcome: (answer: Joined) => Promise<void>) {
    remember('name', this.me.username);
    server.connection.socket.on('session-ended', () => remember('token', null));
  }

  /** Tells a new connection who one is. */
  async join(): Promise<void> {
    const using = this.credentials;
    const answer = using
      ? await this.server.ask(using.event, { name: using.name, password: using.password, invitation: using.invitation })
      : await this.server.ask('user-join', this.me.login ? {} : { username: this.me.username });
    if (!answer) return;
    this.credentials = undefined;
    if (!answer.success) {
      if (!using) return this.refused(answer);
      using.done(answer.error);
      return this.join();
    }
    using?.done('');
    await this.take(answer);
  }

  private refused(why: { code: string; error: string; retryAfter?: number }): void {
    if (why.code === 'unauthenticated') {
      if (!this.me.login) this.gate = why.error;
      else { // the account's session is over: a guest again, or the gate
        this.me.login = '';
        void this.join();
      }
      return;
    }
    if (why.code === 'invalid') {
      this.me.username = nickname(Math.random);
      remember('name', this.me.username);
    }
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => void this.join(), (why.retryAfter ?? 1) * 1000);
  }

  private async take(answer: Joined): Promise<void> {
    this.server.joined = true;
    this.gate = '';
    if (answer.token) {
      remember('token', answer.token);
      void this.keep(answer.token);
    }
    await this.welcome(answer);
  }

  /** Takes over who the server says one is. */
  is(me: Me): void {
    this.me = me;
    remember('userId', me.userId);
    remember('login', me.login || null);
    remember('role', me.role);
    remember('name', me.username);
  }

  /** Puts the session into a cookie, which scripts cannot read; until that has worked the token is kept where they can. */
  private async keep(token: string): Promise<void> {
    try {
      const res = await fetch('/api/session', { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
      if (res.ok) remember('token', null);
    } catch {
      // It stays where it is.
    }
  }

  get invitation(): string {
    return new URLSearchParams(location.hash.slice(1)).get('invite') ?? '';
  }

  /** Signs in to an account, over a new connection. Returns what is wrong, or nothing. */
  signIn(name: string, password: string): Promise<string> {
    return this.reconnectWith('account-login', name, password);
  }

  /** Makes an account: of the guest that one is, or where guests are not admitted, of nobody. */
  async signUp(name: string, password: string): Promise<string> {
    if (!this.server.joined) return this.reconnectWith('account-create', name, password);
    const answer = await this.server.ask('account-create', { name, password, invitation: this.invitation || undefined });
    if (!answer) return t('no-connection');
    if (!answer.success) return answer.error;
    await this.take(answer);
    return '';
  }

  private reconnectWith(event: Credentials['event'], name: string, password: string): Promise<string> {
    return new Promise((done) => {
      this.credentials = { event, name, password, invitation: this.invitation || undefined, done };
      this.server.connection.again();
    });
  }

  async signOut(): Promise<void> {
    await this.server.ask('account-logout', {});
    await forgetAll();
    await fetch('/api/session', { method: 'DELETE' }).catch(() => undefined); // the session has ended anyway
    location.reload();
  }

  async rename(name: string): Promise<boolean> {
    const username = name.trim();
    // Without a connection it is told at the next one.
    this.nameError = this.server.joined ? await this.server.attempt('profile-update', { username }) : '';
    if (this.nameError) return false;
    this.is({ ...this.me, username });
    return true;
  }
}
