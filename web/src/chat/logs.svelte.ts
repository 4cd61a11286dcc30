import { SvelteMap } from 'svelte/reactivity';
import { loadLog, storeLog } from '../database';
import { RoomLog } from '../state/room';
import type { LogEvent, LogPayload, Message } from '../wire';
import * as marks from './marks';
import type { Server } from './server.svelte';

export const PAGE = 40;
/** In larger rooms receipts are not told as they come, and ticks would stay behind. */
export const RECEIPTS_UP_TO = 100;
const STORE_AFTER = 1500;

interface Told {
  /** An entry that was applied, or that came for a room that has not been read yet; and whether it has only just happened. */
  entry: (event: LogEvent, payload: LogPayload, applied: boolean, live: boolean) => void;
  /** A page was read: what is in it has arrived. */
  page: (messages: Message[]) => void;
  /** How many members a room has; undefined when they are not to be asked for. */
  members: (roomId: string) => number | undefined;
}

/** The copies of the rooms' logs: brought up to date, and read further when somebody scrolls. */
export class Logs {
  private logs = new Map<string, RoomLog>();
  private versions = new SvelteMap<string, number>();
  private catching = new Map<string, Promise<void>>();
  private retries = new Map<string, ReturnType<typeof setTimeout>>();
  private storing = new Map<string, ReturnType<typeof setTimeout>>();
  /** Rooms in which a page is being read, and in which direction. */
  paging = new SvelteMap<string, 'older' | 'newer'>();

  constructor(private readonly server: Server, private readonly told: Told) {}

  /** A room's copy, watched: who reads it in a derivation is told of its changes. */
  watch(roomId: string): RoomLog {
    void this.versions.get(roomId);
    return this.of(roomId);
  }

  of(roomId: string): RoomLog {
    let log = this.logs.get(roomId);
    if (!log) this.logs.set(roomId, (log = new RoomLog()));
    return log;
  }

  all(): Iterable<[string, RoomLog]> {
    return this.logs;
  }

  changed(roomId: string): void {
    this.versions.set(roomId, (this.versions.get(roomId) ?? 0) + 1);
    if (!this.storing.has(roomId)) this.storing.set(roomId, setTimeout(() => this.store(roomId), STORE_AFTER));
  }

  private store(roomId: string): void {
    this.storing.delete(roomId);
    const kept = this.logs.get(roomId)?.snapshot();
    if (kept) void storeLog(roomId, kept);
  }

  /** Shows what was stored of a room, until the server says what is new. */
  async restore(roomId: string): Promise<void> {
    const log = this.of(roomId);
    if (log.loaded || log.messages.length > 0) return;
    const kept = await loadLog(roomId);
    if (!kept || log.loaded) return;
    marks.here(roomId);
    log.restore(kept);
    this.changed(roomId);
  }

  forget(roomId?: string): void {
    if (roomId === undefined) this.logs.clear();
    else this.logs.delete(roomId);
  }

  /** Brings a room's copy up to date. Only one of these runs at a time for a room. */
  catchUp(roomId: string): Promise<void> {
    let running = this.catching.get(roomId);
    if (!running) {
      running = this.fetchNews(roomId).finally(() => this.catching.delete(roomId));
      this.catching.set(roomId, running);
    }
    return running;
  }

  private async fetchNews(roomId: string): Promise<void> {
    const log = this.of(roomId);
    for (let more = true; more;) {
      if (!log.loaded) {
        if (!(await this.load(roomId, log))) return;
        break;
      }
      const answer = await this.server.ask('room-sync', { roomId, epoch: log.epoch, afterSeq: log.last, afterId: log.lastId });
      if (!answer) return;
      if (!answer.success) return this.later(roomId, answer.retryAfter);
      if (answer.reset) {
        log.loaded = false;
        continue;
      }
      for (const { event, payload } of answer.events) this.take(roomId, event as LogEvent, payload as LogPayload);
      more = answer.hasMore;
      this.changed(roomId);
    }
    if (log.members.size === 0) void this.loadMembers(roomId, log);
    this.changed(roomId);
  }

  private later(roomId: string, seconds = 2): void {
    clearTimeout(this.retries.get(roomId));
    this.retries.set(roomId, setTimeout(() => void this.catchUp(roomId), seconds * 1000));
  }

  /** Reads a room anew: its newest page, its members, how far the others are. */
  private async load(roomId: string, log: RoomLog): Promise<boolean> {
    const answer = await this.server.ask('room-history', { roomId, limit: PAGE });
    if (!answer) return false;
    if (!answer.success) {
      if (answer.code !== 'not-found') this.later(roomId, answer.retryAfter);
      return false;
    }
    if (log.messages.length === 0) marks.here(roomId);
    log.reset(answer.messages, answer.hasMore, answer.lastSeq, answer.epoch);
    this.told.page(answer.messages);
    return true;
  }

  private async loadMembers(roomId: string, log: RoomLog): Promise<void> {
    const count = this.told.members(roomId);
    if (count === undefined) return;
    const answer = await this.server.ask('member-list', { roomId });
    if (answer?.success) for (const m of answer.members) log.members.set(m.userId, m);
    if (count <= RECEIPTS_UP_TO) {
      const receipts = await this.server.ask('room-receipts', { roomId });
      if (receipts?.success) for (const r of receipts.receipts) log.heardReceipt(r);
    }
    this.changed(roomId);
  }

  /** Takes an entry that came live. */
  heard(event: LogEvent, payload: LogPayload): void {
    if (this.take(payload.roomId, event, payload, true) === 'gap' && this.server.joined) void this.catchUp(payload.roomId);
    this.changed(payload.roomId);
  }

  private take(roomId: string, event: LogEvent, payload: LogPayload, live = false): string {
    const log = this.of(roomId);
    const arrival = log.receive(event, payload);
    this.told.entry(event, payload, arrival === 'applied' || !log.loaded, live);
    return arrival;
  }

  /** Reads the page before the oldest message that is here, or after the newest. */
  async page(roomId: string, direction: 'older' | 'newer'): Promise<void> {
    const log = this.of(roomId);
    const wanted = direction === 'older' ? log.hasOlder : log.hasNewer;
    if (!wanted || !log.loaded || !this.server.joined || this.paging.has(roomId)) return;
    this.paging.set(roomId, direction);
    const edge = direction === 'older' ? { beforeSeq: log.firstSeq } : { afterSeq: log.newestSeq };
    const answer = await this.server.ask('room-history', { roomId, ...edge, limit: PAGE });
    if (answer?.success) {
      if (direction === 'older') log.prepend(answer.messages, answer.hasMore);
      else log.append(answer.messages, answer.hasMore || answer.lastSeq < log.last);
      this.changed(roomId);
    } else if (answer) await new Promise((done) => setTimeout(done, (answer.retryAfter ?? 1) * 1000));
    this.paging.delete(roomId);
  }

  /** Shows the page around an entry. Returns whether there was one. */
  async around(roomId: string, seq: number): Promise<boolean> {
    const log = this.of(roomId);
    if (!log.loaded) await this.catchUp(roomId);
    if (log.messages.some((m) => m.seq === seq)) return true;
    const answer = await this.server.ask('room-history', { roomId, aroundSeq: seq, limit: PAGE });
    if (!answer?.success) return false;
    log.show(answer.messages, answer.hasMore || answer.lastSeq < log.last);
    this.changed(roomId);
    return answer.messages.length > 0;
  }

  /** Shows the newest page again, after older ones. */
  async newest(roomId: string): Promise<void> {
    const log = this.of(roomId);
    if (!log.hasNewer) return;
    log.loaded = false; // what comes meanwhile waits, and is applied to the new page
    await this.catchUp(roomId);
  }
}
