// Generated from the server's registry of events by `make gen`: do not edit.

export interface ServerEvents {
  'new-message': (payload: Message) => void;
  'message-edited': (payload: Entry) => void;
  'message-deleted': (payload: Entry) => void;
  'message-reaction': (payload: Entry) => void;
  'message-updated': (payload: Entry) => void;
  'room-created': (payload: Entry) => void;
  'room-updated': (payload: Entry) => void;
  'member-joined': (payload: Entry) => void;
  'member-left': (payload: Entry) => void;
  'member-role': (payload: Entry) => void;
  'thread-followed': (payload: FollowNotice) => void;
  'personal': (payload: Personal) => void;
  'emoji-changed': (payload: Emoji) => void;
  'room-added': (payload: RoomNotice) => void;
  'room-removed': (payload: RoomNotice) => void;
  'room-read': (payload: Receipt) => void;
  'receipt': (payload: Receipt) => void;
  'user-joined': (payload: ComingOrGoing) => void;
  'user-left': (payload: ComingOrGoing) => void;
  'people-online': (payload: HowMany) => void;
  'user-renamed': (payload: PersonHere) => void;
  'user-updated': (payload: UserUpdated) => void;
  'presence': (payload: PresenceNotice) => void;
  'typing-indicator': (payload: TypingNotice) => void;
  'session-new': (payload: SessionNew) => void;
  'admin-stats': (payload: NumbersTold) => void;
  'device-link-claimed': (payload: LinkClaimed) => void;
  'session-ended': (payload: SessionEnded) => void;
  'server-restarting': (payload: ServerRestarting) => void;
}

export interface Requests {
  'user-join': { payload: JoinRequest; answer: JoinReply };
  'account-create': { payload: AccountCreateRequest; answer: JoinReply };
  'account-login': { payload: AccountLoginRequest; answer: JoinReply };
  'account-password': { payload: AccountPasswordRequest; answer: Done };
  'account-confirm': { payload: AccountConfirmRequest; answer: Done };
  'account-security': { payload: Record<string, never>; answer: SecurityReply };
  'email-change': { payload: EmailChangeRequest; answer: Done };
  'email-verify': { payload: TokenRequest; answer: SecurityReply };
  'email-digest': { payload: EmailDigestRequest; answer: SecurityReply };
  'password-forgot': { payload: PasswordForgotRequest; answer: Done };
  'password-reset': { payload: PasswordResetRequest; answer: Done };
  'totp-begin': { payload: Record<string, never>; answer: TotpBeginReply };
  'totp-enable': { payload: CodeRequest; answer: RecoveryReply };
  'totp-disable': { payload: Record<string, never>; answer: SecurityReply };
  'recovery-codes': { payload: Record<string, never>; answer: RecoveryReply };
  'second-factor': { payload: SecondFactorRequest; answer: RecoveryReply };
  'passkey-begin': { payload: Record<string, never>; answer: PasskeyOptionsReply };
  'passkey-add': { payload: PasskeyAddRequest; answer: SecurityReply };
  'passkey-remove': { payload: PasskeyRequest; answer: SecurityReply };
  'passkey-challenge': { payload: Record<string, never>; answer: PasskeyOptionsReply };
  'passkey-login': { payload: PasskeyLoginRequest; answer: JoinReply };
  'identity-unlink': { payload: IdentityRequest; answer: SecurityReply };
  'device-link-create': { payload: Record<string, never>; answer: DeviceLinkReply };
  'device-link-claim': { payload: TokenRequest; answer: DeviceClaimReply };
  'device-link-approve': { payload: DeviceApproveRequest; answer: Done };
  'device-link-finish': { payload: DeviceFinishRequest; answer: JoinReply };
  'account-logout': { payload: Record<string, never>; answer: Done };
  'session-list': { payload: Record<string, never>; answer: SessionListReply };
  'session-revoke': { payload: SessionRevokeRequest; answer: Done };
  'profile-update': { payload: ProfileRequest; answer: PersonReply };
  'person-get': { payload: PersonRequest; answer: PersonReply };
  'people-list': { payload: PeopleListRequest; answer: PeopleReply };
  'people-sync': { payload: PeopleSyncRequest; answer: PeopleReply };
  'person-role': { payload: PersonRoleRequest; answer: PersonReply };
  'person-deactivate': { payload: PersonDeactivateRequest; answer: PersonReply };
  'admin-people': { payload: AdminPeopleRequest; answer: AdminPeopleReply };
  'admin-sign-out': { payload: PersonRequest; answer: Done };
  'admin-reset-link': { payload: PersonRequest; answer: ResetLinkReply };
  'admin-factors-reset': { payload: PersonRequest; answer: Done };
  'admin-rooms': { payload: AdminRoomsRequest; answer: AdminRoomsReply };
  'admin-room-update': { payload: AdminRoomUpdateRequest; answer: AdminRoomReply };
  'admin-room-owner': { payload: MemberRequest; answer: AdminRoomReply };
  'admin-settings': { payload: Record<string, never>; answer: AdminSettingsReply };
  'admin-stats': { payload: AdminStatsRequest; answer: AdminStatsReply };
  'who-is-here': { payload: HereRequest; answer: HereReply };
  'presence-active': { payload: PresenceActiveRequest; answer: Done };
  'invite-create': { payload: InviteCreateRequest; answer: InviteReply };
  'invite-list': { payload: Record<string, never>; answer: InviteListReply };
  'invite-revoke': { payload: InviteRevokeRequest; answer: Done };
  'invite-info': { payload: InviteTokenRequest; answer: InviteReply };
  'invite-join': { payload: InviteTokenRequest; answer: RoomReply };
  'room-create': { payload: RoomCreateRequest; answer: RoomReply };
  'room-update': { payload: RoomUpdateRequest; answer: RoomReply };
  'room-list': { payload: Record<string, never>; answer: RoomListReply };
  'room-get': { payload: RoomRequest; answer: RoomReply };
  'room-directory': { payload: DirectoryRequest; answer: DirectoryReply };
  'room-join': { payload: RoomRequest; answer: RoomReply };
  'room-leave': { payload: RoomRequest; answer: Done };
  'room-sync': { payload: RoomSyncRequest; answer: RoomSyncReply };
  'room-history': { payload: HistoryRequest; answer: HistoryReply };
  'room-read': { payload: RoomReadRequest; answer: RoomReadReply };
  'room-delivered': { payload: RoomDeliveredRequest; answer: Done };
  'room-receipts': { payload: RoomRequest; answer: ReceiptsReply };
  'direct-open': { payload: DirectOpenRequest; answer: RoomReply };
  'member-list': { payload: MemberListRequest; answer: MemberListReply };
  'member-add': { payload: MemberAddRequest; answer: RoomReply };
  'member-kick': { payload: MemberKickRequest; answer: Done };
  'member-unban': { payload: MemberRequest; answer: Done };
  'member-role': { payload: MemberRoleRequest; answer: Done };
  'thread-open': { payload: ThreadOpenRequest; answer: RoomReply };
  'thread-close': { payload: RoomRequest; answer: Done };
  'thread-list': { payload: ThreadListRequest; answer: ThreadListReply };
  'thread-follow': { payload: ThreadFollowRequest; answer: RoomReply };
  'chat-message': { payload: MessageRequest; answer: MessageReply };
  'message-edit': { payload: MessageEditRequest; answer: OneMessageReply };
  'message-delete': { payload: OneMessageRequest; answer: OneMessageReply };
  'message-preview-remove': { payload: MessagePreviewRemoveRequest; answer: OneMessageReply };
  'message-react': { payload: MessageReactRequest; answer: OneMessageReply };
  'message-pin': { payload: MessageMarkRequest; answer: OneMessageReply };
  'pin-list': { payload: RoomRequest; answer: MessagesReply };
  'message-revisions': { payload: OneMessageRequest; answer: RevisionsReply };
  'poll-create': { payload: PollCreateRequest; answer: MessageReply };
  'poll-vote': { payload: PollVoteRequest; answer: PollReply };
  'poll-mine': { payload: OneMessageRequest; answer: PollReply };
  'poll-close': { payload: OneMessageRequest; answer: OneMessageReply };
  'message-forward': { payload: MessageForwardRequest; answer: MessageReply };
  'message-find': { payload: MessageFindRequest; answer: MessageFindReply };
  'emoji-add': { payload: EmojiAddRequest; answer: EmojiReply };
  'emoji-remove': { payload: EmojiRemoveRequest; answer: EmojiReply };
  'emoji-list': { payload: EmojiListRequest; answer: EmojiListReply };
  'message-schedule': { payload: MessageScheduleRequest; answer: OnePersonalReply };
  'scheduled-cancel': { payload: KeyRequest; answer: OnePersonalReply };
  'reminder-set': { payload: ReminderSetRequest; answer: OnePersonalReply };
  'reminder-done': { payload: KeyRequest; answer: OnePersonalReply };
  'personal-sync': { payload: PersonalSyncRequest; answer: PersonalSyncReply };
  'message-save': { payload: MessageMarkRequest; answer: OnePersonalReply };
  'saved-list': { payload: SavedListRequest; answer: SavedListReply };
  'draft-set': { payload: DraftSetRequest; answer: OnePersonalReply };
  'room-notify': { payload: RoomNotifyRequest; answer: OnePersonalReply };
  'notify-set': { payload: NotifySetRequest; answer: OnePersonalReply };
  'push-key': { payload: Record<string, never>; answer: PushKeyReply };
  'push-subscribe': { payload: PushSubscribeRequest; answer: Done };
  'push-unsubscribe': { payload: PushUnsubscribeRequest; answer: Done };
  'privacy-set': { payload: PrivacySetRequest; answer: OnePersonalReply };
  'person-block': { payload: PersonBlockRequest; answer: OnePersonalReply };
  'search': { payload: SearchRequest; answer: SearchReply };
  'typing-indicator': { payload: TypingRequest; answer: Done };
}

/** An event of a catch-up: what it carried when it was live. */
export type News = { [K in keyof ServerEvents]: { event: K; payload: Parameters<ServerEvents[K]>[0] } }[keyof ServerEvents];

export interface Message {
  id: string;
  text: string;
  username: string;
  userId: string;
  timestamp: string;
  roomId: string;
  seq: number;
  clientId?: string;
  editedAt?: string;
  deletedAt?: string;
  version?: number;
  replyTo?: Quote;
  mentions?: Mentions;
  reactions?: Reaction[];
  thread?: Summary;
  fromThread?: Place;
  pinned?: Pin;
  poll?: Poll;
  forward?: Forward;
  previews?: Preview[];
}

export interface Entry {
  roomId: string;
  seq: number;
  id: string;
  kind: EntryKind;
  userId: string;
  username: string;
  timestamp: string;
  message?: Message;
  emoji?: string;
  room?: Room;
  member?: Member;
}

export interface FollowNotice {
  roomId: string;
  parentId: string;
  following: boolean;
}

export interface Personal {
  version: number;
  kind: PersonalKind;
  key: string;
  at: string;
  gone?: boolean;
  saved?: Saved;
  draft?: KeptDraft;
  room?: RoomSettings;
  notify?: NotifySettings;
  privacy?: Privacy;
  block?: Block;
  scheduled?: Scheduled;
  reminder?: Reminder;
}

export interface Emoji {
  name: string;
  picture?: string;
  userId: string;
  version: number;
}

export interface RoomNotice {
  roomId: string;
  seq: number;
  kind?: EntryKind;
}

export interface Receipt {
  roomId: string;
  userId: string;
  readSeq: number;
  deliveredSeq: number;
}

export interface ComingOrGoing {
  userId: string;
  username: string;
  online: number;
}

export interface HowMany {
  online: number;
}

export interface PersonHere {
  userId: string;
  username: string;
}

export interface UserUpdated {
  person: Person;
}

export interface PresenceNotice {
  userId: string;
  presence: string;
}

export interface TypingNotice {
  roomId: string;
  userId: string;
  username: string;
  typing: boolean;
}

export interface SessionNew {
  sessionId: string;
  device: string;
  address: string;
  createdAt: string;
}

export interface NumbersTold {
  nodes: Numbers[];
}

export interface LinkClaimed {
  linkId: string;
  device: string;
  address: string;
}

export interface SessionEnded {
  reason: string;
}

export interface ServerRestarting {
  retryAfter: number;
}

export interface JoinRequest {
  username?: string;
}

export interface JoinReply {
  success: true;
  userId: string;
  token?: string;
  sessionId: string;
  username: string;
  login?: string;
  role: Role;
  roomId: string;
  epoch: string;
  lastSeq: number;
  online: PersonHere[];
  onlineCount: number;
  rooms: MyRoom[];
  directory: number;
  previews: number;
  emojiRole: Role;
}

export interface AccountCreateRequest {
  name?: string;
  password?: string;
  username?: string;
  invitation?: string;
}

export interface AccountLoginRequest {
  name?: string;
  password?: string;
  code?: string;
  passkey?: unknown;
}

export interface AccountPasswordRequest {
  old?: string;
  new?: string;
}

export interface Done {
  success: true;
}

export interface AccountConfirmRequest {
  password?: string;
  code?: string;
  passkey?: unknown;
}

export interface SecurityReply {
  success: true;
  email?: string;
  digest: string;
  mail: boolean;
  secondFactor: boolean;
  totp: boolean;
  recoveryCodes: number;
  passkeys: Passkey[];
  identities: Identity[];
}

export interface EmailChangeRequest {
  address?: string;
}

export interface TokenRequest {
  token?: string;
}

export interface EmailDigestRequest {
  every?: string;
}

export interface PasswordForgotRequest {
  name?: string;
}

export interface PasswordResetRequest {
  token?: string;
  password?: string;
}

export interface TotpBeginReply {
  success: true;
  secret: string;
  uri: string;
}

export interface CodeRequest {
  code?: string;
}

export interface RecoveryReply {
  success: true;
  recoveryCodes: string[];
}

export interface SecondFactorRequest {
  required?: boolean;
}

export interface PasskeyOptionsReply {
  success: true;
  options: unknown;
}

export interface PasskeyAddRequest {
  name?: string;
  passkey?: unknown;
}

export interface PasskeyRequest {
  passkeyId?: string;
}

export interface PasskeyLoginRequest {
  passkey?: unknown;
}

export interface IdentityRequest {
  issuer?: string;
}

export interface DeviceLinkReply {
  success: true;
  linkId: string;
  token: string;
  url: string;
  expiresAt: string;
}

export interface DeviceClaimReply {
  success: true;
  claim: string;
  code: string;
}

export interface DeviceApproveRequest {
  linkId?: string;
  code?: string;
}

export interface DeviceFinishRequest {
  claim?: string;
}

export interface SessionListReply {
  success: true;
  sessions: Session[];
}

export interface SessionRevokeRequest {
  sessionId?: string;
}

export interface ProfileRequest {
  username?: string;
  bio?: string;
  status?: string;
  statusUntil?: string;
  presence?: string;
  timeZone?: string;
  avatar?: string;
  receipts?: boolean;
}

export interface PersonReply {
  success: true;
  person: Person;
}

export interface PersonRequest {
  userId?: string;
}

export interface PeopleListRequest {
  prefix?: string;
}

export interface PeopleReply {
  success: true;
  people: Person[];
  version?: number;
}

export interface PeopleSyncRequest {
  version?: number;
}

export interface PersonRoleRequest {
  userId?: string;
  role?: Role;
}

export interface PersonDeactivateRequest {
  userId?: string;
  off?: boolean;
}

export interface AdminPeopleRequest {
  query?: string;
  role?: Role;
  state?: string;
  after?: string;
}

export interface AdminPeopleReply {
  success: true;
  people: Administered[];
  hasMore: boolean;
  total?: number;
}

export interface ResetLinkReply {
  success: true;
  url: string;
  expiresAt: string;
}

export interface AdminRoomsRequest {
  query?: string;
  kind?: RoomKind;
  state?: string;
  after?: string;
}

export interface AdminRoomsReply {
  success: true;
  rooms: AdministeredRoom[];
  hasMore: boolean;
  total?: number;
}

export interface AdminRoomUpdateRequest {
  roomId?: string;
  name?: string;
  topic?: string;
  archived?: boolean;
}

export interface AdminRoomReply {
  success: true;
  room: AdministeredRoom;
}

export interface MemberRequest {
  roomId?: string;
  userId?: string;
}

export interface AdminSettingsReply {
  success: true;
  version: string;
  database: string;
  settings: Setting[];
}

export interface AdminStatsRequest {
  on?: boolean;
}

export interface AdminStatsReply {
  success: true;
  every: number;
  bounds: number[];
  nodes: Numbers[];
}

export interface HereRequest {
  roomId?: string;
}

export interface HereReply {
  success: true;
  online: PersonHere[];
}

export interface PresenceActiveRequest {
  active?: boolean;
}

export interface InviteCreateRequest {
  roomId?: string;
  role?: Role;
  hours?: number;
  maxUses?: number;
  email?: string;
}

export interface InviteReply {
  success: true;
  token?: string;
  invitation: Invitation;
}

export interface InviteListReply {
  success: true;
  invitations: Invitation[];
}

export interface InviteRevokeRequest {
  invitationId?: string;
}

export interface InviteTokenRequest {
  token?: string;
}

export interface RoomReply {
  success: true;
  roomId: string;
  room: MyRoom;
}

export interface RoomCreateRequest {
  name?: string;
  kind?: RoomKind;
  topic?: string;
  description?: string;
  history?: HistoryMode;
  clientId?: string;
  members?: string[];
}

export interface RoomUpdateRequest {
  roomId?: string;
  name?: string;
  topic?: string;
  description?: string;
  archived?: boolean;
  previews?: boolean;
}

export interface RoomListReply {
  success: true;
  rooms: MyRoom[];
}

export interface RoomRequest {
  roomId?: string;
}

export interface DirectoryRequest {
  prefix?: string;
  after?: string;
}

export interface DirectoryReply {
  success: true;
  rooms: Listed[];
  hasMore: boolean;
}

export interface RoomSyncRequest {
  roomId?: string;
  epoch?: string;
  afterSeq?: number;
  afterId?: string;
}

export interface RoomSyncReply {
  success: true;
  roomId: string;
  epoch: string;
  lastSeq: number;
  reset?: boolean;
  events: News[];
  hasMore: boolean;
}

export interface HistoryRequest {
  roomId?: string;
  beforeSeq?: number;
  afterSeq?: number;
  aroundSeq?: number;
  limit?: number;
}

export interface HistoryReply {
  success: true;
  roomId: string;
  messages: Message[];
  hasMore: boolean;
  lastSeq: number;
  epoch: string;
}

export interface RoomReadRequest {
  roomId?: string;
  seq?: number;
  unread?: boolean;
}

export interface RoomReadReply {
  success: true;
  roomId: string;
  userId: string;
  readSeq: number;
  deliveredSeq: number;
  unread: number;
  mentions: number;
  badge: number;
}

export interface RoomDeliveredRequest {
  roomId?: string;
  seq?: number;
}

export interface ReceiptsReply {
  success: true;
  receipts: Receipt[];
}

export interface DirectOpenRequest {
  userIds?: string[];
}

export interface MemberListRequest {
  roomId?: string;
  after?: string;
  banned?: boolean;
}

export interface MemberListReply {
  success: true;
  members: Member[];
  hasMore: boolean;
}

export interface MemberAddRequest {
  roomId?: string;
  userIds?: string[];
}

export interface MemberKickRequest {
  roomId?: string;
  userId?: string;
  ban?: boolean;
  reason?: string;
}

export interface MemberRoleRequest {
  roomId?: string;
  userId?: string;
  role?: Role;
}

export interface ThreadOpenRequest {
  roomId?: string;
  messageId?: string;
}

export interface ThreadListRequest {
  roomId?: string;
  unread?: boolean;
  cursor?: number;
}

export interface ThreadListReply {
  success: true;
  threads: Thread[];
  cursor?: number;
}

export interface ThreadFollowRequest {
  roomId?: string;
  on?: boolean;
}

export interface MessageRequest {
  roomId?: string;
  clientId?: string;
  text?: string;
  replyTo?: string;
  mentions?: string[];
  alsoToRoom?: boolean;
  dropDraft?: boolean;
}

export interface MessageReply {
  success: true;
  messageId: string;
  roomId: string;
  seq: number;
  timestamp: string;
}

export interface MessageEditRequest {
  roomId?: string;
  messageId?: string;
  text?: string;
}

export interface OneMessageReply {
  success: true;
  message: Message;
}

export interface OneMessageRequest {
  roomId?: string;
  messageId?: string;
}

export interface MessagePreviewRemoveRequest {
  roomId?: string;
  messageId?: string;
  url?: string;
}

export interface MessageReactRequest {
  roomId?: string;
  messageId?: string;
  emoji?: string;
  on?: boolean;
}

export interface MessageMarkRequest {
  roomId?: string;
  messageId?: string;
  on?: boolean;
}

export interface MessagesReply {
  success: true;
  messages: Message[];
}

export interface RevisionsReply {
  success: true;
  revisions: Revision[];
}

export interface PollCreateRequest {
  roomId?: string;
  clientId?: string;
  question?: string;
  options?: string[];
  multiple?: boolean;
  anonymous?: boolean;
  closesAt?: string;
}

export interface PollVoteRequest {
  roomId?: string;
  messageId?: string;
  choices?: number[];
}

export interface PollReply {
  success: true;
  message: Message;
  mine: number[];
}

export interface MessageForwardRequest {
  roomId?: string;
  messageId?: string;
  to?: string;
  text?: string;
  clientId?: string;
}

export interface MessageFindRequest {
  messageId?: string;
}

export interface MessageFindReply {
  success: true;
  message: Message;
  parentId?: string;
  rootId?: string;
}

export interface EmojiAddRequest {
  name?: string;
  picture?: string;
}

export interface EmojiReply {
  success: true;
  emoji: Emoji;
}

export interface EmojiRemoveRequest {
  name?: string;
}

export interface EmojiListRequest {
  version?: number;
}

export interface EmojiListReply {
  success: true;
  emoji: Emoji[];
  hasMore: boolean;
}

export interface MessageScheduleRequest {
  roomId?: string;
  clientId?: string;
  text?: string;
  replyTo?: string;
  mentions?: string[];
  at?: string;
}

export interface OnePersonalReply {
  success: true;
  personal: Personal;
}

export interface KeyRequest {
  key?: string;
}

export interface ReminderSetRequest {
  key?: string;
  text?: string;
  roomId?: string;
  messageId?: string;
  at?: string;
}

export interface PersonalSyncRequest {
  version?: number;
}

export interface PersonalSyncReply {
  success: true;
  items: Personal[];
  version: number;
  hasMore: boolean;
  reset?: boolean;
}

export interface SavedListRequest {
  cursor?: number;
}

export interface SavedListReply {
  success: true;
  saved: SavedMessage[];
  cursor?: number;
}

export interface DraftSetRequest {
  roomId?: string;
  text?: string;
  replyTo?: string;
  at?: string;
}

export interface RoomNotifyRequest {
  roomId?: string;
  level?: Level;
  mutedUntil?: string;
  favourite?: boolean;
}

export interface NotifySetRequest {
  level?: Level;
  keywords?: string[];
  quietFrom?: string;
  quietTo?: string;
}

export interface PushKeyReply {
  success: true;
  key: string;
}

export interface PushSubscribeRequest {
  endpoint?: string;
  p256dh?: string;
  auth?: string;
}

export interface PushUnsubscribeRequest {
  endpoint?: string;
}

export interface PrivacySetRequest {
  directFrom?: DirectFrom;
}

export interface PersonBlockRequest {
  userId?: string;
  on?: boolean;
  ignore?: boolean;
}

export interface SearchRequest {
  query?: string;
  roomId?: string;
  cursor?: string;
}

export interface SearchReply {
  success: true;
  hits: Hit[];
  cursor?: string;
}

export interface TypingRequest {
  roomId?: string;
  typing?: boolean;
}

export interface Refusal {
  success: false;
  error: string;
  code: ErrorCode;
  retryAfter?: number;
  requestId?: string;
}

export interface Quote {
  id: string;
  seq: number;
  userId: string;
  username: string;
  text: string;
}

export interface Mentions {
  userIds?: string[];
  all?: boolean;
  here?: boolean;
}

export interface Reaction {
  emoji: string;
  userIds: string[];
}

export interface Summary {
  roomId: string;
  replies: number;
  lastAt: string;
  userIds: string[];
}

export interface Place {
  roomId: string;
  messageId: string;
}

export interface Pin {
  userId: string;
  at: string;
}

export interface Poll {
  options: PollOption[];
  multiple: boolean;
  anonymous: boolean;
  voters: number;
  closesAt?: string;
  closedAt?: string;
}

export interface Forward {
  userId: string;
  timestamp: string;
  text: string;
  roomId?: string;
  messageId?: string;
}

export interface Preview {
  url: string;
  title?: string;
  description?: string;
  siteName?: string;
  imageUrl?: string;
  imageWidth?: number;
  imageHeight?: number;
}

export type EntryKind = 'message' | 'edit' | 'delete' | 'react' | 'unreact' | 'create' | 'update' | 'join' | 'leave' | 'kick' | 'ban' | 'role' | 'pin' | 'unpin' | 'poll' | 'preview' | 'thread';

export interface Room {
  roomId: string;
  kind: RoomKind;
  name: string;
  topic: string;
  description: string;
  history: HistoryMode;
  createdBy: string;
  createdAt: string;
  archivedAt?: string;
  previews: boolean;
  parentId?: string;
  rootId?: string;
}

export interface Member {
  userId: string;
  username: string;
  role: Role;
}

export type PersonalKind = 'saved' | 'draft' | 'room' | 'notify' | 'privacy' | 'block' | 'scheduled' | 'reminder';

export interface Saved {
  roomId: string;
  messageId: string;
}

export interface KeptDraft {
  roomId: string;
  text: string;
  replyTo?: string;
}

export interface RoomSettings {
  level?: Level;
  mutedUntil?: string;
  favourite?: boolean;
}

export interface NotifySettings {
  level?: Level;
  keywords?: string[];
  quietFrom?: string;
  quietTo?: string;
}

export interface Privacy {
  directFrom: DirectFrom;
}

export interface Block {
  ignore: boolean;
}

export interface Scheduled {
  roomId: string;
  text: string;
  replyTo?: string;
  mentions?: string[];
  at: string;
  error?: string;
}

export interface Reminder {
  text?: string;
  roomId?: string;
  messageId?: string;
  at: string;
  due?: boolean;
}

export interface Person {
  userId: string;
  username: string;
  login?: string;
  role: Role;
  avatar?: string;
  bio?: string;
  status?: string;
  statusUntil?: string;
  timeZone?: string;
  deactivated?: boolean;
  presence: string;
  version: number;
}

export interface Numbers {
  node: string;
  host: string;
  at: number;
  connections: number;
  people: number;
  messages: number;
  deliveries: number;
  acks: number[];
  queue: number;
  unindexed: number;
  untold: number;
  outbound: number;
  memory: number;
  memoryLimit: number;
  pressure: number;
}

export type Role = 'owner' | 'admin' | 'moderator' | 'member' | 'guest';

export interface MyRoom {
  roomId: string;
  kind: RoomKind;
  name: string;
  topic: string;
  description: string;
  history: HistoryMode;
  createdBy: string;
  createdAt: string;
  archivedAt?: string;
  previews: boolean;
  parentId?: string;
  rootId?: string;
  members: number;
  role: Role;
  epoch: string;
  lastSeq: number;
  firstSeq: number;
  readSeq: number;
  deliveredSeq: number;
  unread: number;
  mentions: number;
  lastAt?: string;
  peers?: Person[];
  following?: boolean;
  badge: number;
  settings: RoomSettings;
}

export interface Passkey {
  passkeyId: string;
  name: string;
  createdAt: string;
  usedAt: string;
}

export interface Identity {
  issuer: string;
  createdAt: string;
  usedAt: string;
}

export interface Session {
  sessionId: string;
  device: string;
  createdAt: string;
  usedAt: string;
  current: boolean;
}

export interface Administered {
  userId: string;
  username: string;
  login?: string;
  role: Role;
  avatar?: string;
  presence: string;
  suspended: boolean;
  createdAt: string;
  seenAt?: string;
  sessions: number;
  password: boolean;
  secondFactor: boolean;
}

export type RoomKind = 'public' | 'private' | 'announcement' | 'direct' | 'group' | 'thread';

export interface AdministeredRoom {
  roomId: string;
  kind: RoomKind;
  name: string;
  topic: string;
  members: number;
  lastSeq: number;
  lastAt?: string;
  createdAt: string;
  archivedAt?: string;
  owners: PersonHere[];
}

export interface Setting {
  name: string;
  value: string;
  help: string;
  given: boolean;
  secret: boolean;
}

export interface Invitation {
  invitationId: string;
  roomId?: string;
  roomName?: string;
  role: Role;
  createdBy: string;
  username: string;
  createdAt: string;
  expiresAt: string;
  maxUses: number;
  uses: number;
}

export type HistoryMode = 'all' | 'joined';

export interface Listed {
  roomId: string;
  kind: RoomKind;
  name: string;
  topic: string;
  description: string;
  history: HistoryMode;
  createdBy: string;
  createdAt: string;
  archivedAt?: string;
  previews: boolean;
  parentId?: string;
  rootId?: string;
  members: number;
}

export interface Thread {
  room: MyRoom;
  root: Message;
}

export interface Revision {
  text: string;
  timestamp: string;
}

export interface SavedMessage {
  roomId: string;
  messageId: string;
  at: string;
  message?: Message;
}

export type Level = 'all' | 'mentions' | 'none' | '';

export type DirectFrom = 'everybody' | 'shared' | 'nobody';

export interface Hit {
  message: Message;
  roomName: string;
  roomKind: RoomKind;
  parentId?: string;
  rootId?: string;
}

export type ErrorCode = 'invalid' | 'unauthenticated' | 'forbidden' | 'not-found' | 'conflict' | 'rate-limited' | 'too-large' | 'unavailable' | 'unconfirmed' | 'second-factor' | 'retry' | 'internal';

export interface PollOption {
  text: string;
  votes?: number;
  userIds?: string[];
}
