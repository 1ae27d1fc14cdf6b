package main

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// line is one line of a picture.
type line struct {
	name   string
	points plotter.XYs
	color  int
	dashed bool
}

// palette can be told apart by those who see red and green alike.
var palette = []color.RGBA{
	{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff},
}

// draws writes a picture with logarithmic axes.
func writePicture(path, title, x, y string, lines []line) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.BackgroundColor = color.White // readers may have a dark page
	p.Title.Padding = vg.Points(8)
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(powers(counted)), plot.TickerFunc(powers(microseconds))
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe0}, color.Gray{0xe0}
	p.Add(grid)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(2)
	lowest, highest := math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		drawn, dots, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return fmt.Errorf("drawing %s: %w", l.name, err)
		}
		drawn.Color, drawn.Width = palette[l.color], vg.Points(1.5)
		dots.Color, dots.Shape, dots.Radius = palette[l.color], draw.CircleGlyph{}, vg.Points(2.5)
		if l.dashed {
			drawn.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(drawn, dots)
		p.Legend.Add(l.name, drawn, dots)
		for _, point := range l.points {
			lowest, highest = min(lowest, point.Y), max(highest, point.Y)
		}
	}
	// Whole powers of ten, and room for the legend.
	p.Y.Min = math.Pow(10, math.Floor(math.Log10(lowest)))
	p.Y.Max = math.Pow(10, math.Ceil(math.Log10(highest))+1)

	canvas := vgsvg.New(6.5*vg.Inch, 4*vg.Inch)
	p.Draw(draw.New(canvas))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// powers marks the powers of ten.
func powers(label func(float64) string) func(lowest, highest float64) []plot.Tick {
	return func(lowest, highest float64) (ticks []plot.Tick) {
		for v := math.Pow(10, math.Floor(math.Log10(lowest))); v <= highest*1.001; v *= 10 {
			ticks = append(ticks, plot.Tick{Value: v, Label: label(v)})
			for i := 2.0; i < 10; i++ {
				ticks = append(ticks, plot.Tick{Value: i * v})
			}
		}
		return ticks
	}
}

func counted(v float64) string { return thousands(int(math.Round(v))) }

func microseconds(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(math.Round(v/1e6), 'f', -1, 64) + " s"
	case v >= 1e3:
		return strconv.FormatFloat(math.Round(v/1e3), 'f', -1, 64) + " ms"
	default:
		return strconv.FormatFloat(v, 'g', 2, 64) + " µs"
	}
}

// thousands writes a number with its digits in groups.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// drawGrowth draws a picture of each call.
func drawGrowth(dir string, stages []stage) error {
	for i, call := range calls {
		var lines []line
		for c, g := range growing {
			l := line{name: g.name, color: c}
			for _, st := range stages {
				if st.store == g.name {
					l.points = append(l.points, plotter.XY{X: float64(st.licenses), Y: st.nanos[i].Median / 1e3})
				}
			}
			lines = append(lines, l)
		}
		title := strings.ToUpper(call[:1]) + call[1:]
		if err := writePicture(filepath.Join(dir, growthFile(call)), title, "licenses in the store", "time for one call", lines); err != nil {
			return err
		}
	}
	return nil
}

func growthFile(call string) string { return "growth-" + strings.ReplaceAll(call, " ", "-") + ".svg" }

const latencyFile = "latency.svg"

// drawLatency draws the median and the slowest hundredth of each server.
func drawLatency(dir string, curves []curve) error {
	var lines []line
	for c, curve := range curves {
		p50, p99 := line{name: curve.server, color: c}, line{name: curve.server + ", 99 %", color: c, dashed: true}
		for _, at := range curve.points {
			p50.points = append(p50.points, plotter.XY{X: at.rate, Y: float64(at.p50.Nanoseconds()) / 1e3})
			p99.points = append(p99.points, plotter.XY{X: at.rate, Y: float64(at.p99.Nanoseconds()) / 1e3})
		}
		lines = append(lines, p50, p99)
	}
	return writePicture(filepath.Join(dir, latencyFile), "Get by key over HTTP", "requests a second that are asked for", "time to the answer", lines)
}
