package socketio

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// RawJSON is a value that is already JSON. It is emitted as it is, so that a value for many receivers is encoded once.
type RawJSON []byte

// MarshalJSON implements json.Marshaler.
func (r RawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// argsSize guesses how many bytes arguments take, so that nearly all need one allocation.
func argsSize(args []any) int {
	size := 32
	for _, a := range args {
		switch v := a.(type) {
		case string:
			size += len(v) + len(v)/8
		case RawJSON:
			size += len(v)
		default:
			size += 128
		}
	}
	return size
}

// appendArgs appends a JSON array of name (unless empty) and args, and returns the binary attachments found in them.
func appendArgs(dst []byte, name string, args []any) ([]byte, [][]byte, error) {
	var attachments [][]byte
	dst = append(dst, '[')
	if name != "" {
		dst = appendString(dst, name)
	}
	for i, arg := range args {
		if i > 0 || name != "" {
			dst = append(dst, ',')
		}
		switch v := arg.(type) {
		case string:
			dst = appendString(dst, v)
		case RawJSON:
			dst = append(dst, v...)
		case nil:
			dst = append(dst, "null"...)
		case []byte:
			dst = appendPlaceholder(dst, len(attachments))
			attachments = append(attachments, v)
		default:
			var err error
			if dst, attachments, err = appendValue(dst, v, attachments); err != nil {
				return nil, nil, err
			}
		}
	}
	return append(dst, ']'), attachments, nil
}

// EncodeValue encodes a value as JSON, with placeholders for the binary data that it returns beside it.
func EncodeValue(v any) (data []byte, attachments [][]byte, err error) {
	return appendValue(nil, v, nil)
}

// DecodeValue decodes JSON; placeholders become the attachments they stand for.
func DecodeValue(data []byte, attachments [][]byte, dst any) error {
	return bindValue(data, attachments, dst)
}

func appendPlaceholder(dst []byte, num int) []byte {
	return fmt.Appendf(dst, `{"_placeholder":true,"num":%d}`, num)
}

// appendValue encodes with reflection, diverting every []byte to the attachments.
func appendValue(dst []byte, v any, attachments [][]byte) ([]byte, [][]byte, error) {
	divert := json.MarshalToFunc(func(enc *jsontext.Encoder, b []byte) error {
		if b == nil {
			return enc.WriteToken(jsontext.Null)
		}
		attachments = append(attachments, b)
		return enc.WriteValue(appendPlaceholder(nil, len(attachments)-1))
	})
	out, err := json.Marshal(v, jsonv1.DefaultOptionsV1(), json.WithMarshalers(divert))
	if err != nil {
		return nil, nil, fmt.Errorf("socketio: cannot encode %T: %w", v, err)
	}
	return append(dst, out...), attachments, nil
}

// bindValue decodes one raw value. Placeholders become the attachments they stand for.
func bindValue(raw []byte, attachments [][]byte, dst any) error {
	if len(attachments) == 0 {
		return json.Unmarshal(raw, dst, jsonv1.DefaultOptionsV1())
	}
	fill := json.JoinUnmarshalers(
		json.UnmarshalFromFunc(func(dec *jsontext.Decoder, b *[]byte) error {
			if dec.PeekKind() != '{' {
				return errors.ErrUnsupported
			}
			raw, err := dec.ReadValue()
			if err != nil {
				return err
			}
			data, ok := placeholder(raw, attachments)
			if !ok {
				return errBadPacket
			}
			*b = data
			return nil
		}),
		json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
			if dec.PeekKind() != '{' {
				return errors.ErrUnsupported
			}
			raw, err := dec.ReadValue()
			if err != nil {
				return err
			}
			if data, ok := placeholder(raw, attachments); ok {
				*v = data
				return nil
			}
			var fields map[string]any
			if err := bindValue(raw, attachments, &fields); err != nil {
				return err
			}
			*v = fields
			return nil
		}),
	)
	return json.Unmarshal(raw, dst, jsonv1.DefaultOptionsV1(), json.WithUnmarshalers(fill))
}

// placeholder resolves {"_placeholder":true,"num":n}.
func placeholder(raw []byte, attachments [][]byte) ([]byte, bool) {
	if !bytes.Contains(raw, []byte(`"_placeholder"`)) {
		return nil, false
	}
	var p struct {
		Placeholder any `json:"_placeholder"`
		Num         any `json:"num"`
	}
	if json.Unmarshal(raw, &p) != nil || p.Placeholder != true {
		return nil, false
	}
	n, ok := p.Num.(float64)
	if !ok || n != float64(int(n)) || n < 0 || int(n) >= len(attachments) {
		return nil, false
	}
	return attachments[int(n)], true
}

// placeholdersFit reports whether every placeholder in the JSON refers to one of n attachments (CVE-2022-2421: others index
// with whatever the client sent).
func placeholdersFit(data []byte, n int) bool {
	if !validJSON(data) {
		return false
	}
	var v any
	if json.Unmarshal(data, &v) != nil {
		return false
	}
	return fits(reflect.ValueOf(v), n)
}

func fits(v reflect.Value, n int) bool {
	switch v.Kind() {
	case reflect.Interface:
		return v.IsNil() || fits(v.Elem(), n)
	case reflect.Slice:
		for i := range v.Len() {
			if !fits(v.Index(i), n) {
				return false
			}
		}
	case reflect.Map:
		m := v.Interface().(map[string]any)
		if m["_placeholder"] == true {
			num, ok := m["num"].(float64)
			return ok && num == float64(int(num)) && num >= 0 && int(num) < n
		}
		for _, e := range m {
			if !fits(reflect.ValueOf(e), n) {
				return false
			}
		}
	}
	return true
}
