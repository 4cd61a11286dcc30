import { SvelteMap } from 'svelte/reactivity';
import { notify, type Attention } from '../state/notify';
import { addWish, isWish, PersonalCopy, wished, type Wish } from '../state/personal';
import { storedPersonal, storedWishes } from '../database';
import { t } from '../i18n/index.svelte';
import { remember } from '../storage';
import type { Message, MyRoom, NotifySettings, Payload, Personal as Kept } from '../wire';
import { newClientId } from './ids';
import { LOBBY, type Rooms } from './rooms.svelte';
import type { Server } from './server.svelte';

type Setting = 'message-save' | 'draft-set' | 'room-notify' | 'notify-set' | 'privacy-set' | 'person-block' | 'message-schedule' | 'scheduled-cancel' | 'reminder-set' | 'reminder-done';

const STORE_AFTER = 1000;

/** Under which name a room's draft is kept on the device. */
export const draftKey = (roomId: string): string => (roomId === LOBBY ? 'draft' : `draft.${roomId}`);

/** What one keeps for oneself on all devices: saved messages, drafts, settings, who is blocked, what is to be sent or remembered later. */
export class Personal {
  private copy = new PersonalCopy(new SvelteMap<string, Kept>(), new SvelteMap<string, Kept>());
  /** What was wanted while there was no connection, in that order. */
  private wishes: Wish[] = [];
  private storeTimer: ReturnType<typeof setTimeout> | undefined;
  /** A draft that was changed on another device, or here. */
  draft = $state.raw<{ roomId: string; text: string } | undefined>();
  /** A reminder whose time has come, or a message that could not be sent at its time. */
  due = $state.raw<Kept | undefined>();
  /** Rooms whose draft was sent, and has perhaps not come back yet. */
  private drafting = new Set<string>();
  /** Done when what was kept on the device is here. */
  readonly restored: Promise<void>;
  private syncing: Promise<void> | undefined;
  /** Wishes that the server has heard, until the copy shows them. */
  private granting: Kept[] = [];

  notify = $derived<NotifySettings>(this.copy.get('notify')?.notify ?? {});
  directFrom = $derived(this.copy.get('privacy')?.privacy?.directFrom ?? 'everybody');
  scheduled = $derived(this.copy.all('scheduled').sort((a, b) => (a.scheduled?.at ?? '').localeCompare(b.scheduled?.at ?? '')));
  saved = $derived(this.copy.all('saved'));
  savedKeys = $derived(this.saved.map((p) => p.key).join());
  reminders = $derived(this.copy.all('reminder').sort((a, b) => (a.reminder?.at ?? '').localeCompare(b.reminder?.at ?? '')));

  /** How many reminders are due, and messages could not be sent. */
  late = $derived([...this.reminders.filter((p) => p.reminder?.due), ...this.scheduled.filter((p) => p.scheduled?.error)].length);

  /** tell says something to the person, and me who they are. */
  constructor(private readonly server: Server, private readonly rooms: Rooms, private readonly me: () => string, private readonly tell: (text: string) => void) {
    server.connection.socket.on('personal', (p) => this.heard(p));
    this.restored = this.restore();
  }

  isSaved(messageId: string): boolean {
    return this.copy.get('saved', messageId) !== undefined;
  }

  /** Whether what somebody writes is not to be seen, and whether they are kept from writing directly too. */
  blocked(userId: string): 'blocked' | 'ignored' | undefined {
    const kept = this.copy.get('block', userId)?.block;
    return kept && (kept.ignore ? 'ignored' : 'blocked');
  }

  hasDraft(roomId: string): boolean {
    return this.drafting.has(roomId) || this.copy.get('draft', roomId) !== undefined;
  }

  /** How the person is told of a message here: see state/notify. */
  noticeOf(m: Message, room: MyRoom, me: { userId: string; timeZone?: string }, attention: Attention): number {
    return notify({
      message: m, kind: room.kind, following: room.following, userId: me.userId, readSeq: room.readSeq, blocked: this.blocked(m.userId) !== undefined, room: room.settings, all: this.notify,
      attention: { connected: true, ...attention }, timeZone: me.timeZone, now: new Date(),
    });
  }

  /** Forgets it all, because somebody else is here now. */
  forget(): void {
    this.copy.clear();
    this.wishes = [];
  }

  /** Shows what was kept last time, until the server says what is new. */
  private async restore(): Promise<void> {
    const userId = this.me();
    const [kept, wishes] = await Promise.all([storedPersonal.load(userId), storedWishes.load()]);
    if (this.me() !== userId) return; // somebody else has come in meanwhile
    if (kept) this.copy.page(kept.items, kept.version);
    this.wishes = wishes.filter(isWish);
    for (const w of this.wishes) this.copy.wish(wished(w, this.copy));
  }

  private store(): void {
    this.storeTimer ??= setTimeout(() => {
      this.storeTimer = undefined;
      void storedPersonal.put({ userId: this.me(), version: this.copy.version, items: [...this.copy.items.values()] });
    }, STORE_AFTER);
  }

  /** Brings the copy up to date. */
  sync(): Promise<void> {
    this.syncing ??= this.restored.then(() => this.tellWishes()).then(() => this.fetch()).finally(() => (this.syncing = undefined));
    return this.syncing;
  }

  /** Tells the server what was wanted without a connection. Of drafts it keeps what was written last, here or on another device. */
  private async tellWishes(): Promise<void> {
    for (let [wish] = this.wishes; wish; [wish] = this.wishes) {
      const answer = await this.server.ask(wish.event, wish.payload);
      if (!answer) return;
      if (!answer.success) {
        if (answer.retryAfter !== undefined) return;
        this.tell(answer.error);
      }
      this.wishes = this.wishes.slice(1);
      void storedWishes.put(this.wishes);
      const done = wished(wish, this.copy);
      this.granting.push(done);
    }
  }

  private async fetch(): Promise<void> {
    for (let more = true; more;) {
      const answer = await this.server.ask('personal-sync', { version: this.copy.version });
      if (!answer?.success) return;
      if (answer.reset) {
        this.copy.clear();
        continue;
      }
      this.copy.page(answer.items, answer.version);
      for (const p of answer.items) this.applied(p);
      more = answer.hasMore;
    }
    for (const p of this.granting.splice(0)) if (!this.wishes.some((w) => sameKey(wished(w, this.copy), p))) this.copy.granted(p);
    this.store();
  }

  private heard(p: Kept): void {
    const arrival = this.copy.receive(p);
    if (arrival === 'gap') void this.sync();
    if (arrival !== 'applied') return;
    this.applied(p);
    this.store();
    if (p.kind === 'room' || p.kind === 'notify') this.rooms.recount(p.key);
  }

  /** What a change changes elsewhere. */
  private applied(p: Kept): void {
    if (p.kind === 'draft' && !this.wishes.some((w) => sameKey(wished(w, this.copy), p))) {
      const text = p.gone ? '' : (p.draft?.text ?? '');
      if (p.gone) this.drafting.delete(p.key);
      remember(draftKey(p.key), text || null);
      this.draft = { roomId: p.key, text };
    }
    if (p.kind === 'room') {
      const room = this.rooms.find(p.key);
      if (room) this.rooms.put({ ...room, settings: p.room ?? {} });
    }

    if (p.reminder?.due || p.scheduled?.error) this.due = p;
  }

  /** Changes something. Returns what is wrong, or nothing. */
  async set<K extends Setting>(event: K, payload: Payload<K>): Promise<string> {
    if (event === 'draft-set' && 'roomId' in payload && payload.roomId) this.drafting.add(payload.roomId);
    if (event === 'reminder-set' && 'at' in payload) payload = { key: newClientId(), ...payload };
    const answer = this.server.joined || !isWish({ event, payload }) ? await this.server.ask(event, payload) : undefined;
    if (answer) return answer.success ? '' : answer.error;
    const wish = { event, payload };
    if (!isWish(wish)) return t('no-connection');
    this.wish(wish);
    return '';
  }

  /** Remembers what is wanted, to be told when there is a connection again, and shows it as if it were so. */
  private wish(wish: Wish): void {
    this.wishes = addWish(this.wishes, wish, this.copy);
    void storedWishes.put(this.wishes);
    const p = wished(wish, this.copy);
    this.copy.wish(p);
    const room = p.kind === 'room' ? this.rooms.find(p.key) : undefined;
    if (room) this.rooms.put({ ...room, settings: p.room ?? {} });
    if (wish.event !== 'draft-set') setTimeout(() => this.tell(t('waits-for-connection'))); // after what the caller says of having succeeded
  }
}

const sameKey = (a: Kept, b: Kept) => a.kind === b.kind && a.key === b.key;
