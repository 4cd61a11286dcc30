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

/** Who one is, and how one comes in: as a guest, by an account, by the cookie of last time. */
export class Session {
  me = $state<Me>({ userId: recall('userId') ?? '', username: recall('name') ?? nickname(Math.random), login: recall('login') ?? '', role: (recall('role') ?? 'guest') as Role });
  /** Set when the server admits nobody without an account: why not. */
  gate = $state('');
  nameError = $state('');
  /** Whether the next connection is an account's, which is not to be given a guest's name. */
  private returning = false;
  private joined: (() => void) | undefined;
  /** The session's id, once whatever is making one has got it. */
  private sessionId = '';
  private making: Promise<unknown> = Promise.resolve();
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly server: Server, private readonly welcome: (answer: Joined) => Promise<void>) {
    remember('name', this.me.username);
    server.connection.socket.on('session-ended', () => remember('token', null));
  }

  /** Tells a new connection who one is. */
  async join(): Promise<void> {
    const answer = await this.server.ask('user-join', this.me.login || this.returning ? {} : { username: this.me.username });
    if (!answer) return;
    if (answer.success) await this.take(answer);
    else this.refused(answer);
  }

  private refused(why: { code: string; error: string; retryAfter?: number }): void {
    if (why.code === 'unauthenticated') {
      if (!this.me.login && !this.returning) this.gate = why.error;
      else { // the account's session is over: a guest again, or the gate
        this.me.login = '';
        this.returning = false;
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
    this.sessionId = answer.sessionId;
    this.gate = '';
    this.returning = false;
    if (answer.token) {
      remember('token', answer.token);
      void this.keep(answer.token);
    }
    await this.welcome(answer);
    this.joined?.();
    this.joined = undefined;
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

  /** Makes this page a session's that somebody has proved to be theirs: by its token, or without one by the cookie that it is in. */
  become(token: string): Promise<void> {
    remember('token', token || null);
    this.returning = true;
    return new Promise((done) => {
      this.joined = done;
      this.server.connection.again();
    });
  }

  /** Comes in by the cookie, at the first connection: the OpenID provider has sent somebody back who is signed in. */
  expect(): void {
    remember('token', null);
    this.returning = true;
  }

  /** Whether a session is this page's own, of which it may hear before it has it. */
  async owns(sessionId: string): Promise<boolean> {
    await this.making;
    return sessionId === this.sessionId;
  }

  /** Makes an account: of the guest that one is, or where guests are not admitted, of nobody. */
  signUp(name: string, password: string): Promise<string> {
    const made = this.makeAccount(name, password);
    this.making = made;
    return made;
  }

  private async makeAccount(name: string, password: string): Promise<string> {
    const answer = await this.server.ask('account-create', { name, password, invitation: this.invitation || undefined });
    if (!answer) return t('no-connection');
    if (!answer.success) return answer.error;
    await this.take(answer);
    if (this.invitation) history.replaceState(history.state, '', location.pathname); // it has been used, and led into its room
    return '';
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
