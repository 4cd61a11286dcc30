// What goes over the wire: see PROTOCOL.md. The names are the server's.

export type ErrorCode =
  | 'invalid' | 'unauthenticated' | 'forbidden' | 'not-found' | 'conflict' | 'rate-limited' | 'too-large'
  | 'unavailable' | 'retry' | 'internal';

export interface Refusal {
  success: false;
  error: string;
  code: ErrorCode;
  /** Seconds. */
  retryAfter?: number;
}

export interface Person {
  userId: string;
  username: string;
}

export interface Message {
  id: string;
  text: string;
  username: string;
  userId: string;
  /** ISO 8601, UTC. */
  timestamp: string;
  roomId: string;
  seq: number;
  clientId?: string;
}

export interface Joined {
  success: true;
  userId: string;
  token?: string;
  username: string;
  roomId: string;
  epoch: string;
  lastSeq: number;
  online: Person[];
}

export interface Sent {
  success: true;
  messageId: string;
  roomId: string;
  seq: number;
  timestamp: string;
}

export interface HistoryPage {
  success: true;
  roomId: string;
  messages: Message[];
  hasMore: boolean;
}

export interface Coming extends Person {
  /** How many people are here now. */
  online: number;
}

export interface Typing extends Person {
  roomId: string;
  typing: boolean;
}

export interface ServerEvents {
  'new-message': (m: Message) => void;
  'user-joined': (p: Coming) => void;
  'user-left': (p: Coming) => void;
  'user-renamed': (p: Person) => void;
  'typing-indicator': (t: Typing) => void;
  'server-restarting': (hint: { retryAfter: number }) => void;
}

export interface ClientEvents {
  'user-join': (payload: { username: string }, ack: (answer: Joined | Refusal) => void) => void;
  'chat-message': (payload: { text: string; roomId: string; clientId: string }, ack: (answer: Sent | Refusal) => void) => void;
  'typing-indicator': (payload: { roomId: string; typing: boolean }) => void;
  'room-history': (
    payload: { roomId: string; beforeSeq?: number; afterSeq?: number; limit?: number },
    ack: (answer: HistoryPage | Refusal) => void,
  ) => void;
}
