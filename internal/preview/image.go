package preview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // formats of pictures that pages have
	"image/jpeg"
	_ "image/png" // the same
	"io"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // the same
)

const (
	imageSide    = 480 // pixels of the longer side, as shown
	minImageSide = 32  // a smaller picture is there to count readers
	maxPixels    = 16 << 20
	decodeSlots  = 2
	jpegQuality  = 78
	// maxDrawn is how many bytes a picture may have as it is shown.
	maxDrawn = 96 << 10
)

var errImage = errors.New("preview: no picture that can be shown")

// Image is a picture, drawn anew as a JPEG.
type Image struct {
	JPEG          []byte
	Width, Height int // pixels
}

// redraw decodes a picture and draws it at the size that is shown, so that nothing of the file but its pixels is ever served.
func (f *Fetcher) redraw(ctx context.Context, file io.Reader) (*Image, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	select {
	case f.drawing <- struct{}{}:
		defer func() { <-f.drawing }()
	case <-ctx.Done():
		return nil, fmt.Errorf("preview: %w", ctx.Err())
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || size.Width < minImageSide || size.Height < minImageSide || size.Width*size.Height > maxPixels {
		return nil, errImage
	}
	src, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, errImage
	}
	b := src.Bounds()
	scale := min(1, float64(imageSide)/float64(max(b.Dx(), b.Dy())))
	dst := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(b.Dx())*scale)), max(1, int(float64(b.Dy())*scale))))
	draw.Draw(dst, dst.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src) // JPEG has no transparency
	draw.ApproxBiLinear.Scale(dst, dst.Bounds(), src, b, draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, dst, &jpeg.Options{Quality: jpegQuality}); err != nil || out.Len() > maxDrawn {
		return nil, errImage
	}
	return &Image{JPEG: out.Bytes(), Width: dst.Rect.Dx(), Height: dst.Rect.Dy()}, nil
}
