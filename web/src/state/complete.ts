/** What stands before the caret and can be completed: @person, #room, :emoji, /command. */
export interface Token {
  trigger: '@' | '#' | ':' | '/';
  query: string;
  /** Where it begins in the text. */
  start: number;
}

const TOKEN = /(^|[\s([{"'])([@#:])([\p{L}\p{N}_.+\-]*)$/u;
const COMMAND = /^\/([a-z]*)$/;
/** So many letters begin an emoji's name: a colon alone is punctuation. */
const EMOJI_FROM = 2;

export function tokenAt(text: string, caret: number): Token | undefined {
  const before = text.slice(0, caret);
  const command = COMMAND.exec(before);
  if (command) return { trigger: '/', query: command[1] ?? '', start: 0 };
  const found = TOKEN.exec(before);
  if (!found) return undefined;
  const [, , trigger, query = ''] = found;
  if (trigger === ':' && query.length < EMOJI_FROM) return undefined;
  return { trigger: trigger as Token['trigger'], query, start: caret - query.length - 1 };
}

/** Puts a completion in the token's place. Returns the text and where the caret is then. */
export function complete(text: string, caret: number, token: Token, insert: string): { text: string; caret: number } {
  const after = text.slice(caret);
  const space = after.startsWith(' ') ? '' : ' ';
  const before = text.slice(0, token.start) + insert + space;
  return { text: before + after, caret: before.length + (space ? 0 : 1) };
}

const EVERYBODY = /(?:^|[^\p{L}\p{N}_@/.])@(all|channel|everyone|here)(?![\p{L}\p{N}_])/u;

/** Whether a text addresses everybody in the room. */
export function addressesAll(text: string): boolean {
  return EVERYBODY.test(text);
}

/** A room's name as it is written after a #. */
export function roomTag(name: string): string {
  return name.trim().replace(/\s+/g, '-');
}

/** The text with its selection made a link, when what is pasted over it is an address; nothing otherwise. */
export function pasteLink(pasted: string, selected: string): string | undefined {
  const url = pasted.trim();
  if (selected.trim() === '' || /\s/.test(url) || !/^https?:\/\//i.test(url) || !URL.canParse(url) || /^https?:\/\//i.test(selected.trim())) return undefined;
  return `[${selected}](${url})`;
}
