package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"github.com/eio-affinity/affinity/internal/markdown"
	"github.com/eio-affinity/affinity/internal/peers"
)

//go:embed comparison.md.tmpl
var page string

// document returns the text of the document.
func (r *results) document() (string, error) {
	parsed, err := template.New("document").Parse(page)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = parsed.Execute(&text, r)
	return text.String(), err
}

// Table returns the table: one row a scenario, one column a system.
func (r *results) Table() string {
	systems := peers.All()
	line := make([]string, 1+len(systems))
	for i, s := range systems {
		line[1+i] = s.Title[0] + "<br>" + s.Title[1]
	}
	line[0] = "scenario"
	t := markdown.NewTable(line...)
	for _, row := range scenarios() {
		line[0] = row.title
		for i, s := range systems {
			line[1+i] = r.Cells[s.Name][row.name].markdown()
		}
		t.Add(line...)
	}
	return t.String()
}

func (o outcome) markdown() string {
	switch o.Verdict {
	case fails:
		return "**" + o.Text + "**"
	case notRun:
		return "not run"
	default:
		return o.Text
	}
}

// Scenarios returns the table of what was run.
func (r *results) Scenarios() string {
	t := markdown.NewTable("scenario", "name", "what is run")
	for _, s := range scenarios() {
		t.Add(s.title, "`"+s.name+"`", s.says)
	}
	return t.String()
}

// Systems returns the table of the systems.
func (r *results) Systems() string {
	t := markdown.NewTable("system", "name", "version", "configuration")
	for _, s := range peers.All() {
		config := "–"
		switch {
		case s.Config != "":
			config = link("internal/peers/configs/" + s.Config)
		case s.Workers:
			config = link("testdata/socketio/cluster.js")
		}
		if s.WithCookie != nil {
			config += ", with its cookie " + link("internal/peers/configs/"+s.WithCookie.Config)
		}
		t.Add(nameOf(s), "`"+s.Name+"`", r.Versions[s.Program], config)
	}
	return t.String()
}

// link returns a link of the document to a file of the project.
func link(file string) string {
	return fmt.Sprintf("[%s](../%s)", file[strings.LastIndexByte(file, '/')+1:], file)
}

// Missing returns the list of what was not run, with the reasons.
func (r *results) Missing() string {
	var list grouped
	for _, s := range peers.All() {
		for _, row := range scenarios() {
			if o := r.Cells[s.Name][row.name]; o.Verdict == notRun || o.Verdict == impossible {
				list.add(o.Detail, s.Name, row.name)
			}
		}
	}
	t := markdown.NewTable("reason", "systems", "scenarios")
	for _, g := range list.joined() {
		t.Add(g.key, listed(g.systems), g.scenarios())
	}
	return t.String()
}

// Failures returns the table of the first error of each cell that fails.
func (r *results) Failures() string {
	var list grouped
	for _, s := range peers.All() {
		for _, row := range scenarios() {
			if o := r.Cells[s.Name][row.name]; o.Verdict == fails {
				list.add(code(o.Detail), s.Name, row.name)
			}
		}
	}
	t := markdown.NewTable("first error", "systems", "scenarios")
	for _, g := range list.joined() {
		t.Add(g.key, listed(g.systems), g.scenarios())
	}
	return t.String()
}

// nameOf returns what a line of text calls a system.
func nameOf(s *peers.System) string { return s.Title[0] + ", " + s.Title[1] }

// code returns what a program wrote, without the number of its client, as code in a
// cell of a table.
func code(text string) string {
	const most = 140
	text, _, _ = strings.Cut(text, "\n")
	text = chance.ReplaceAllString(client.ReplaceAllString(text, ""), "xhr poll/post error")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return "<code>" + escape.Replace(text) + "</code>"
}

var (
	client = regexp.MustCompile(`^client \d+: |(?:127\.0\.0\.1|localhost):\d+`)
	chance = regexp.MustCompile(`xhr (poll|post) error`) // of which one comes first
	escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;")
)

// Took says how long it took.
func (r *results) Took() string { return fmt.Sprintf("%d min %02d s", r.Seconds/60, r.Seconds%60) }
