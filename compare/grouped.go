package main

import (
	"slices"
	"strings"
)

// grouped are cells of the table, by what is said of them.
type grouped []*group

// group are the cells of which the same is said.
type group struct {
	key     string
	systems []string
	rows    []string
}

// add adds a cell to its group. Systems of which the same is said of other scenarios are
// another group.
func (g *grouped) add(key, system, row string) {
	for _, one := range *g {
		if one.key == key && slices.Equal(one.systems, []string{system}) {
			one.rows = append(one.rows, row)
			return
		}
	}
	*g = append(*g, &group{key: key, systems: []string{system}, rows: []string{row}})
}

// joined returns the groups with those together that differ in the system only.
func (g grouped) joined() grouped {
	var all grouped
	for _, one := range g {
		i := slices.IndexFunc(all, func(other *group) bool { return other.key == one.key && slices.Equal(other.rows, one.rows) })
		if i < 0 {
			all = append(all, one)
		} else {
			all[i].systems = append(all[i].systems, one.systems...)
		}
	}
	return all
}

// scenarios names those of the group.
func (g *group) scenarios() string {
	if len(g.rows) == len(scenarios()) {
		return "all"
	}
	return listed(g.rows)
}

// listed returns a list of names, as code.
func listed(all []string) string { return "`" + strings.Join(all, "`, `") + "`" }
