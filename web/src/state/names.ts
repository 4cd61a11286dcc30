const ADJECTIVES = ['Quiet', 'Brave', 'Sunny', 'Clever', 'Gentle', 'Lucky', 'Swift', 'Merry', 'Bold', 'Calm', 'Witty', 'Kind', 'Bright', 'Nimble', 'Curious', 'Jolly'];
const ANIMALS = ['Otter', 'Heron', 'Fox', 'Badger', 'Robin', 'Lynx', 'Marten', 'Wren', 'Hare', 'Finch', 'Seal', 'Owl', 'Stoat', 'Plover', 'Dolphin', 'Beaver'];

/** A friendly nickname for somebody who has not chosen one. */
export function nickname(random: () => number): string {
  const pick = (list: string[]) => list[Math.floor(random() * list.length)] as string;
  return `${pick(ADJECTIVES)} ${pick(ANIMALS)}`;
}

/** Why a name is not acceptable, as the key of a text, or nothing. */
export function nameProblem(name: string): 'name-too-short' | 'name-too-long' | undefined {
  const n = [...name.trim()].length;
  if (n < 2) return 'name-too-short';
  if (n > 30) return 'name-too-long';
  return undefined;
}

/** One of eight colours, always the same for the same person. */
export function colourOf(userId: string): number {
  let h = 0;
  for (const c of userId) h = (h * 31 + c.charCodeAt(0)) >>> 0;
  return h % 8;
}

export function initialOf(name: string): string {
  return ([...name.trim()][0] ?? '?').toLocaleUpperCase();
}

const BROWSERS: [RegExp, string][] = [[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrom(e|ium)\//, 'Chrome'], [/Safari\//, 'Safari']];
const SYSTEMS: [RegExp, string][] = [[/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux']];

/** What a person would call the device with this User-Agent: its browser and its system, as far as they are known. */
export function deviceOf(agent: string): { browser?: string; system?: string } {
  const find = (list: [RegExp, string][]) => list.find(([pattern]) => pattern.test(agent))?.[1];
  return { browser: find(BROWSERS), system: find(SYSTEMS) };
}
