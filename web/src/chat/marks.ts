// When what a room says was here, and when it could be seen: the difference is what the page itself takes to open it.

const NAME = 'room-opened';

/** What a room says is here. */
export function here(roomId: string): void {
  performance.clearMarks(`${NAME} ${roomId}`);
  performance.mark(`${NAME} ${roomId}`);
}

/** It has been laid out; after the next frame it can be seen. The measure's detail is the room. */
export function laidOut(roomId: string): void {
  requestAnimationFrame(() => setTimeout(() => {
    const start = performance.getEntriesByName(`${NAME} ${roomId}`).at(-1)?.startTime;
    if (start === undefined) return;
    performance.clearMeasures(NAME);
    performance.measure(NAME, { start, detail: roomId });
  }));
}
