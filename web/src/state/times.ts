/** A time that is near at hand, by the key of what it is called. */
export interface TimeChoice {
  key: 'remind-hour' | 'remind-evening' | 'remind-tomorrow' | 'remind-week';
  time: Date;
}

const EVENING = 18;
const MORNING = 9;

/** Times that people mean by later, in the order in which they come. */
export function choices(now: Date): TimeChoice[] {
  const on = (days: number, hour: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
  const all: TimeChoice[] = [
    { key: 'remind-hour', time: new Date(now.getTime() + 3_600_000) },
    { key: 'remind-evening', time: on(0, EVENING) },
    { key: 'remind-tomorrow', time: on(1, MORNING) },
    { key: 'remind-week', time: on(((8 - now.getDay()) % 7) || 7, MORNING) },
  ];
  return all.filter((c) => c.time.getTime() > now.getTime() + 60_000);
}

/** A time as a field for dates and times has it. */
export function fieldValue(time: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}T${two(time.getHours())}:${two(time.getMinutes())}`;
}
