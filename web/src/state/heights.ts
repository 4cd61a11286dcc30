/** The range of rows to draw, and the room, in pixels, that those before and after it take. */
export interface Range {
  start: number;
  end: number;
  above: number;
  below: number;
}

/** How tall the rows of a list are: as measured, or until then as tall as the others on average. */
export class Heights {
  private keys: string[] = [];
  private measured = new Map<string, number>();
  private sums = new Float64Array(1);
  private stale = true;

  constructor(private readonly estimate: number) {}

  get length(): number {
    return this.keys.length;
  }

  /** Takes the rows as they are now. What was measured of rows that are gone is forgotten. */
  setKeys(keys: string[]): void {
    this.keys = keys;
    this.stale = true;
    if (this.measured.size <= keys.length) return;
    const present = new Set(keys);
    for (const key of this.measured.keys()) if (!present.has(key)) this.measured.delete(key);
  }

  has(key: string): boolean {
    return this.measured.has(key);
  }

  measure(key: string, height: number): void {
    if (this.measured.get(key) === height) return;
    this.measured.set(key, height);
    this.stale = true;
  }

  /** Forgets what was measured, because the list has become narrower or wider. */
  clear(): void {
    this.measured.clear();
    this.stale = true;
  }

  indexOf(key: string): number {
    return this.keys.indexOf(key);
  }

  /** Where row i begins; of the row after the last, where the list ends. */
  offset(i: number): number {
    this.sum();
    return this.sums[Math.max(0, Math.min(i, this.keys.length))] ?? 0;
  }

  get total(): number {
    return this.offset(this.keys.length);
  }

  /** The row that covers y, or the one that is nearest. */
  indexAt(y: number): number {
    this.sum();
    let low = 0;
    let high = this.keys.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.sums[middle] ?? 0) <= y) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** The rows between two places, and what they leave out. */
  range(from: number, to: number): Range {
    if (this.keys.length === 0) return { start: 0, end: 0, above: 0, below: 0 };
    const start = this.indexAt(from);
    const end = this.indexAt(to) + 1;
    return { start, end, above: this.offset(start), below: this.total - this.offset(end) };
  }

  private sum(): void {
    if (!this.stale) return;
    this.stale = false;
    const average = this.average();
    this.sums = new Float64Array(this.keys.length + 1);
    this.keys.forEach((key, i) => (this.sums[i + 1] = (this.sums[i] ?? 0) + (this.measured.get(key) ?? average)));
  }

  private average(): number {
    if (this.measured.size === 0) return this.estimate;
    let sum = 0;
    for (const h of this.measured.values()) sum += h;
    return sum / this.measured.size;
  }
}
