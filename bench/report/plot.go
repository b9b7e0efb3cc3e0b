package report

import (
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/bench/work"
)

// The sizes of the plot, in pixels.
const (
	plotWidth   = 860
	labelWidth  = 190
	valueWidth  = 90
	barHeight   = 16
	rowHeight   = 22
	titleHeight = 40
)

// style has the colors of the plot, for a light and a dark background.
const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.bar { fill: #8c959f }
.own { fill: #1f6feb }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } .own { fill: #388bfd } }
</style>
`

// bar is one bar of the plot.
type bar struct {
	label string
	value float64
	text  string
}

// Plot returns a picture of the results, as SVG.
func (r Results) Plot() string {
	var body strings.Builder
	y := 0
	for _, kind := range r.kinds() {
		var bars []bar
		for _, requests := range r.Requests {
			if requests.Kind == kind {
				taken := requests.spread(cpu).Median
				bars = append(bars, bar{requests.System, float64(taken), microseconds(taken) + " µs"})
			}
		}
		y = writeBars(&body, y, "CPU time: "+kind, bars)
	}
	for _, transport := range []work.Transport{work.WebSocket, work.Polling} {
		var bars []bar
		for _, m := range r.Memory {
			if m.Transport == transport && !m.TLS && m.Sessions == r.Memory[0].Sessions {
				bars = append(bars, bar{m.System, float64(m.Resident), kibibytes(m.Resident) + " KiB"})
			}
		}
		if len(bars) > 0 {
			y = writeBars(&body, y, fmt.Sprintf("Resident memory: idle session over %s", transport), bars)
		}
	}
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %[1]d %[2]d\">\n%s%s</svg>\n",
		plotWidth, y+rowHeight, style, body.String())
}

// writeBars writes a group of bars from y on, and returns where it ends.
func writeBars(body *strings.Builder, y int, title string, bars []bar) int {
	fmt.Fprintf(body, "<text class=\"title\" x=\"0\" y=\"%d\">%s</text>\n", y+titleHeight-14, html.EscapeString(title))
	y += titleHeight
	most := 0.0
	for _, b := range bars {
		most = max(most, b.value)
	}
	for _, b := range bars {
		class := "bar"
		if strings.Contains(b.label, "affinity") {
			class = "own"
		}
		length := 1 + b.value/max(most, float64(time.Nanosecond))*(plotWidth-labelWidth-valueWidth)
		fmt.Fprintf(body, "<text x=\"0\" y=\"%d\">%s</text>\n", y+barHeight-3, html.EscapeString(b.label))
		fmt.Fprintf(body, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"%d\"/>\n", class, labelWidth, y, length, barHeight)
		fmt.Fprintf(body, "<text x=\"%.0f\" y=\"%d\">%s</text>\n", labelWidth+length+6, y+barHeight-3, b.text)
		y += rowHeight
	}
	return y
}
