import { SvelteMap } from 'svelte/reactivity';
import { calls, isMuted, isQuiet, PersonalCopy } from '../state/personal';
import { remember } from '../storage';
import type { Message, MyRoom, NotifySettings, Payload, Personal as Kept } from '../wire';
import { LOBBY, type Rooms } from './rooms.svelte';
import type { Server } from './server.svelte';

type Setting = 'message-save' | 'draft-set' | 'room-notify' | 'notify-set' | 'privacy-set' | 'person-block' | 'message-schedule' | 'scheduled-cancel' | 'reminder-set' | 'reminder-done';

/** Under which name a room's draft is kept on the device. */
export const draftKey = (roomId: string): string => (roomId === LOBBY ? 'draft' : `draft.${roomId}`);

/** What one keeps for oneself on all devices: saved messages, drafts, settings, who is blocked, what is to be sent or remembered later. */
export class Personal {
  private copy = new PersonalCopy(new SvelteMap<string, Kept>());
  /** A draft that was changed on another device, or here. */
  draft = $state.raw<{ roomId: string; text: string } | undefined>();
  /** A reminder whose time has come, or a message that could not be sent at its time. */
  due = $state.raw<Kept | undefined>();
  /** Rooms whose draft was sent, and has perhaps not come back yet. */
  private drafting = new Set<string>();
  private syncing: Promise<void> | undefined;

  notify = $derived<NotifySettings>(this.copy.get('notify')?.notify ?? {});
  directFrom = $derived(this.copy.get('privacy')?.privacy?.directFrom ?? 'everybody');
  scheduled = $derived(this.copy.all('scheduled').sort((a, b) => (a.scheduled?.at ?? '').localeCompare(b.scheduled?.at ?? '')));
  savedKeys = $derived(this.copy.all('saved').map((p) => p.key).join());
  reminders = $derived(this.copy.all('reminder').sort((a, b) => (a.reminder?.at ?? '').localeCompare(b.reminder?.at ?? '')));

  /** How many reminders are due, and messages could not be sent. */
  late = $derived([...this.reminders.filter((p) => p.reminder?.due), ...this.scheduled.filter((p) => p.scheduled?.error)].length);

  constructor(private readonly server: Server, private readonly rooms: Rooms) {
    server.connection.socket.on('personal', (p) => this.heard(p));
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

  /** Whether a message calls the person now: by name or word, or because it is in a direct conversation, and neither the room nor the hour is quiet. */
  calls(m: Message, room: MyRoom): boolean {
    const now = new Date();
    if (this.blocked(m.userId) || isMuted(room.settings, now.getTime())) return false;
    if (isQuiet(this.notify.quietFrom, this.notify.quietTo, now.getHours() * 60 + now.getMinutes())) return false;
    const direct = room.kind === 'direct' || room.kind === 'group' || (room.kind === 'thread' && room.following === true);
    const level = room.settings.level || (direct ? 'all' : this.notify.level || 'mentions');
    if (level === 'none') return false;
    return level === 'all' || this.rooms.addresses(m) || calls(m.text, this.notify.keywords ?? []);
  }

  /** Forgets it all, because somebody else is here now. */
  forget(): void {
    this.copy.clear();
  }

  /** Brings the copy up to date. */
  sync(): Promise<void> {
    this.syncing ??= this.fetch().finally(() => (this.syncing = undefined));
    return this.syncing;
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
  }

  private heard(p: Kept): void {
    const arrival = this.copy.receive(p);
    if (arrival === 'gap') void this.sync();
    if (arrival === 'applied') this.applied(p);
  }

  /** What a change changes elsewhere. */
  private applied(p: Kept): void {
    if (p.kind === 'draft') {
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
    return this.server.attempt(event, payload);
  }
}
