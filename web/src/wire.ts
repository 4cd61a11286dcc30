// What goes over the wire, under the names that the page uses. The shapes are the server's own: wire.gen.ts is generated.
import type { Requests, ServerEvents, Refusal } from './wire.gen';

export type { ErrorCode, Entry, Mentions, Message, MyRoom, News, Poll, Personal, Scheduled, Reminder, Thread, Level, Emoji as OwnEmoji, Forward, NotifySettings, PersonalKind, Preview, SavedMessage, Summary as ThreadShown, Person, Reaction, Receipt, Refusal, Role, RoomKind, ServerEvents } from './wire.gen';
export type { Administered, AdministeredRoom, Invitation, Numbers, Setting } from './wire.gen';
export type { ComingOrGoing as Coming, JoinReply as Joined, Listed, Hit, Member, PersonHere, TypingNotice as Typing } from './wire.gen';

export type RequestName = keyof Requests;
export type Payload<K extends RequestName> = Requests[K]['payload'];
export type Answer<K extends RequestName> = Requests[K]['answer'] | Refusal;

/** The events that the page sends, as the library wants them. */
export type ClientEvents = { [K in RequestName]: (payload: Payload<K>, ack?: (answer: Answer<K>) => void) => void };

/** The events that are entries of a room's log: they have the room's next seq. */
export const LOG_EVENTS = [
  'new-message', 'message-edited', 'message-deleted', 'message-reaction', 'message-updated', 'room-created', 'room-updated', 'member-joined', 'member-left', 'member-role',
] as const;
export type LogEvent = (typeof LOG_EVENTS)[number];
export type LogPayload = Parameters<ServerEvents[LogEvent]>[0];
