package main

import (
	"fmt"
	"html"
	"strings"

	"github.com/eio-affinity/affinity/internal/peers"
)

// The sizes of the picture.
const (
	labelWidth = 290
	cellWidth  = 56
	cellHeight = 26
	headHeight = 200
	footHeight = 44
	tilted     = 90 // beyond the last column, for its title
)

// style has the colors of light and dark pages.
const style = `
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328 }
.cell { font-size: 11px; text-anchor: middle }
.ours { font-weight: 600 }
.works { fill: #b7e4c0 } .partly { fill: #fbe7a2 } .fails { fill: #f7b9b5 } .none { fill: #e6e8eb }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.works { fill: #1d5a31 } .partly { fill: #6b5310 } .fails { fill: #7d2520 } .none { fill: #30363d }
}
`

// picture returns the table as a picture, in SVG.
func (r *results) picture() string {
	systems, rows := peers.All(), scenarios()
	width := labelWidth + len(systems)*cellWidth + tilted
	height := headHeight + len(rows)*cellHeight + footHeight
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="Which scenarios work with which system">`+"\n<style>%s</style>\n",
		width, height, width, height, style)
	for i, s := range systems {
		title := strings.NewReplacer("`", "", "*", "").Replace(s.Title[0] + " " + s.Title[1])
		class := ""
		if s.Ours {
			class = ` class="ours"`
		}
		fmt.Fprintf(&svg, `<text transform="translate(%d %d) rotate(-40)"%s>%s</text>`+"\n",
			labelWidth+i*cellWidth+cellWidth/2, headHeight-8, class, html.EscapeString(title))
	}
	for y, row := range rows {
		top := headHeight + y*cellHeight
		fmt.Fprintf(&svg, `<text x="0" y="%d">%s</text>`+"\n", top+17, html.EscapeString(row.title))
		for x, s := range systems {
			o := r.Cells[s.Name][row.name]
			svg.WriteString(cell(labelWidth+x*cellWidth, top, cellWidth, o.Verdict, o.short()))
		}
	}
	legend(&svg, headHeight+len(rows)*cellHeight+14)
	svg.WriteString("</svg>\n")
	return svg.String()
}

// short returns what fits into a cell of the picture.
func (o outcome) short() string {
	switch {
	case o.Verdict == fails:
		return "fails"
	case o.Short != "":
		return o.Short
	case o.Verdict == notRun:
		return "–"
	default:
		return o.Text
	}
}

// cell returns a cell with its color.
func cell(x, y, width int, v verdict, text string) string {
	color := string(v)
	if v == notRun || v == impossible {
		color = "none"
	}
	return fmt.Sprintf(`<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="3"/><text class="cell" x="%d" y="%d">%s</text>`+"\n",
		color, x+1, y+1, width-2, cellHeight-2, x+width/2, y+17, html.EscapeString(text))
}

// legend says what the colors mean.
func legend(svg *strings.Builder, y int) {
	const width = 190
	for i, entry := range []struct {
		v    verdict
		text string
	}{
		{works, "works"},
		{partly, "works, but can be better"},
		{fails, "fails"},
		{impossible, "cannot, or not run"},
	} {
		svg.WriteString(cell(labelWidth+i*width, y, width, entry.v, entry.text))
	}
}
