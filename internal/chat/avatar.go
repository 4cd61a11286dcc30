package chat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"image"
	_ "image/gif"  // formats of pictures that people have
	_ "image/jpeg" // the same
	"image/png"
	"strings"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // the same

	"parley/internal/db"
)

const (
	avatarSize        = 128      // pixels of a side, as stored
	maxAvatarBytes    = 48 << 10 // of what is uploaded
	maxAvatarPixels   = 4 << 20  // of what is uploaded: a small file can be a huge picture
	avatarMediaType   = "image/png"
	avatarDecodeSlots = 2 // pictures decoded at once
)

// StoreAvatar keeps a picture, given as a data: URL, and returns its id; for an empty one the empty id. It is drawn anew, so that
// nothing of the file but its pixels is ever served.
func (c *Chat) StoreAvatar(ctx context.Context, dataURL string) (string, error) {
	if dataURL == "" {
		return "", nil
	}
	head, encoded, ok := strings.Cut(dataURL, ";base64,")
	if !ok || !strings.HasPrefix(head, "data:image/") {
		return "", errorf(Invalid, "The picture must be a data: URL of an image in base64")
	}
	if len(encoded) > base64.StdEncoding.EncodedLen(maxAvatarBytes) {
		return "", errorf(TooLarge, "The picture is too large (max 48 KiB)")
	}
	file, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", errorf(Invalid, "The picture is not valid base64")
	}
	picture, err := c.redraw(ctx, file)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(picture)
	id := hex.EncodeToString(sum[:16])
	err = c.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO avatars (id, media_type, picture, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
			id, avatarMediaType, base64.StdEncoding.EncodeToString(picture), micros(c.now()))
		return err
	})
	return id, unwritten(err)
}

// redraw decodes a picture and draws its middle square at the size that is stored.
func (c *Chat) redraw(ctx context.Context, file []byte) ([]byte, error) {
	select {
	case c.drawing <- struct{}{}:
		defer func() { <-c.drawing }()
	case <-ctx.Done():
		return nil, &Error{Kind: Unavailable, Message: "The server is busy", Err: ctx.Err()}
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil || size.Width < 1 || size.Height < 1 {
		return nil, errorf(Invalid, "The picture is not a PNG, JPEG, GIF or WebP")
	}
	if size.Width*size.Height > maxAvatarPixels {
		return nil, errorf(TooLarge, "The picture has too many pixels (max 4 million)")
	}
	src, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, errorf(Invalid, "The picture is damaged")
	}
	b := src.Bounds()
	side := min(b.Dx(), b.Dy())
	square := image.Rect(0, 0, side, side).Add(b.Min).Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	dst := image.NewRGBA(image.Rect(0, 0, avatarSize, avatarSize))
	draw.ApproxBiLinear.Scale(dst, dst.Bounds(), src, square, draw.Src, nil)
	var out bytes.Buffer
	if err := png.Encode(&out, dst); err != nil {
		return nil, &Error{Kind: Internal, Message: "The picture cannot be stored", Err: err}
	}
	return out.Bytes(), nil
}

// Avatar returns a picture and its media type.
func (c *Chat) Avatar(ctx context.Context, id string) (picture []byte, mediaType string, err error) {
	return c.picture(ctx, `SELECT picture, media_type FROM avatars WHERE id = $1`, id)
}

func (c *Chat) picture(ctx context.Context, text, id string) (picture []byte, mediaType string, err error) {
	var encoded string
	err = c.db.QueryRow(ctx, text, id).Scan(&encoded, &mediaType)
	if db.IsNotFound(err) {
		return nil, "", errorf(NotFound, "No such picture")
	}
	if err == nil {
		picture, err = base64.StdEncoding.DecodeString(encoded)
	}
	if err != nil {
		return nil, "", unreadable(err)
	}
	return picture, mediaType, nil
}
