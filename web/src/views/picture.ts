const SIZE = 192;
const MAX_BYTES = 48 * 1024;

/** Makes a square picture that is small enough to be an avatar, as a data: URL. It throws for what is no picture. */
export async function shrink(file: File): Promise<string> {
  const image = await createImageBitmap(file);
  const side = Math.min(image.width, image.height);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIZE;
  canvas.getContext('2d')?.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, SIZE, SIZE);
  for (const quality of [0.9, 0.75, 0.5]) {
    const url = canvas.toDataURL('image/jpeg', quality);
    if (url.length * 0.75 < MAX_BYTES) return url;
  }
  throw new Error('too large');
}

const EMOJI_SIZES = [128, 96, 64];

/** Makes a picture an emoji: whole, in a square that is transparent where it is not, as a data: URL. It throws for what is no picture. */
export async function emojiPicture(file: File): Promise<string> {
  const image = await createImageBitmap(file);
  for (const side of EMOJI_SIZES) {
    const scale = side / Math.max(image.width, image.height);
    const [width, height] = [image.width * scale, image.height * scale];
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = side;
    canvas.getContext('2d')?.drawImage(image, (side - width) / 2, (side - height) / 2, width, height);
    const url = canvas.toDataURL('image/png');
    if (url.length * 0.75 < MAX_BYTES) return url;
  }
  throw new Error('too large');
}
