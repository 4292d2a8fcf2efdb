package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestSVGIsWellFormed(t *testing.T) {
	c := Bars{
		Title: "a < b & c", Note: "note", Unit: "ms", Series: []string{"one", "two"},
		Groups: []Group{
			{"100 × 10", []Bar{{20, 40, "20"}, {700, 930, "700\n930"}}},
			{"1,000 × 10", []Bar{{20, 0, "20"}, {}}},
			{"over", []Bar{{}, {0, 300, "over 300"}}},
		},
	}
	text := c.SVG()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	if n := strings.Count(text, `fill-opacity="1.0"`); n != 3 {
		t.Errorf("%d full bars, want 3", n)
	}
	if n := strings.Count(text, `fill-opacity="0.4"`); n != 4 {
		t.Errorf("%d pale bars, want 4", n)
	}
	for _, part := range []string{"a &lt; b &amp; c", ">100<", ">1000<", ">700<", ">930<", ">over 300<"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}

func TestDecades(t *testing.T) {
	for _, tc := range []struct {
		values    []float64
		low, high float64
	}{
		{nil, 0, 1},
		{[]float64{5}, 0, 1},
		{[]float64{1}, -1, 0},
		{[]float64{20, 930}, 1, 3},
		{[]float64{20, 1001}, 1, 4},
		{[]float64{0, 0.02, 7}, -2, 1},
	} {
		var c Bars
		for _, v := range tc.values {
			c.Groups = append(c.Groups, Group{Bars: []Bar{{Value: v}}})
		}
		if low, high := c.decades(); low != tc.low || high != tc.high {
			t.Errorf("%v: %v to %v, want %v to %v", tc.values, low, high, tc.low, tc.high)
		}
	}
}
