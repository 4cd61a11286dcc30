import { SvelteMap } from 'svelte/reactivity';
import { Typists } from '../state/typing';
import type { Coming, Message, Person, PersonHere } from '../wire';
import type { Server } from './server.svelte';

const TYPING_INTERVAL = 3000;

/** Who is here, how they are, and who is writing. */
export class People {
  here = $state.raw<PersonHere[]>([]);
  online = $state(0);
  presence = new SvelteMap<string, string>();
  /** What is known of people beyond their names: pictures and status. */
  known = new SvelteMap<string, Person>();
  /** Who is writing in the rooms that are open. */
  typing = new SvelteMap<string, string[]>();
  private typists = new Typists();
  /** When it was told in a room that one is writing. */
  private told = new Map<string, number>();

  constructor(private readonly server: Server, private readonly open: () => string[], private readonly rename: (userId: string, username: string) => void,
    private readonly updated: (p: Person) => void) {
    const { socket } = server.connection;
    socket.on('user-joined', (p) => this.came(p));
    socket.on('user-left', (p) => this.went(p));
    socket.on('people-online', (p) => {
      this.online = p.online;
    });
    socket.on('user-renamed', (p) => {
      this.here = this.here.map((x) => (x.userId === p.userId ? p : x));
      this.rename(p.userId, p.username);
    });
    socket.on('user-updated', ({ person }) => {
      this.learn(person);
      this.updated(person);
    });
    socket.on('presence', (p) => this.presence.set(p.userId, p.presence));
    socket.on('typing-indicator', (told) => {
      this.typists.heard(told, Date.now());
      this.refreshTyping();
    });
    setInterval(() => this.refreshTyping(), 500);
  }

  welcome(here: PersonHere[], online: number): void {
    this.here = here;
    this.online = online;
  }

  learn(p: Person): void {
    this.known.set(p.userId, p);
    this.presence.set(p.userId, p.presence);
  }

  presenceOf(userId: string, otherwise = 'offline'): string {
    return this.presence.get(userId) ?? otherwise;
  }

  async find(prefix: string): Promise<Person[]> {
    const answer = await this.server.ask('people-list', { prefix });
    if (!answer?.success) return [];
    for (const p of answer.people) this.learn(p);
    return answer.people;
  }

  async get(userId: string): Promise<Person | undefined> {
    const answer = await this.server.ask('person-get', { userId });
    if (answer?.success) this.learn(answer.person);
    return answer?.success ? answer.person : undefined;
  }

  /** Tells the time zone of this device, in which hours are quiet, unless the server has it already. Returns what is wrong, or nothing. */
  async tellZone(me: string): Promise<string> {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    return (await this.get(me))?.timeZone === timeZone ? '' : this.server.attempt('profile-update', { timeZone });
  }

  /** Somebody who wrote is typing no more. */
  wrote(m: Message): void {
    this.typists.gone(m.userId);
    this.refreshTyping();
  }

  refreshTyping(): void {
    for (const roomId of this.open()) {
      const names = this.typists.names(roomId, Date.now());
      if (names.join() !== (this.typing.get(roomId) ?? []).join()) this.typing.set(roomId, names);
    }
  }

  /** Tells the others in the room, now and then, that one is writing. */
  tellTyping(roomId: string, typing: boolean): void {
    const told = this.told.get(roomId) ?? 0;
    if (!this.server.joined || (typing && Date.now() - told < TYPING_INTERVAL) || (!typing && told === 0)) return;
    this.told.set(roomId, typing ? Date.now() : 0);
    this.server.connection.socket.emit('typing-indicator', { roomId, typing });
  }

  /** A message that was sent ended the typing by itself. */
  sent(roomId: string): void {
    this.told.delete(roomId);
  }

  private came(p: Coming): void {
    this.here = [...this.here.filter((x) => x.userId !== p.userId), { userId: p.userId, username: p.username }];
    this.online = p.online;
  }

  private went(p: Coming): void {
    this.here = this.here.filter((x) => x.userId !== p.userId);
    this.presence.set(p.userId, 'offline');
    this.typists.gone(p.userId);
    this.online = p.online;
  }
}
