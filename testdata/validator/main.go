// Command validator checks what users deploy, with the code that would read it:
// Kubernetes resources as the API server does, those of Traefik by its custom
// resource definitions, and Compose files as Docker Compose does.
//
//	validator kubernetes <file> [<file of custom resource definitions>...]
//	validator compose <file>
//
// It prints each thing that is wrong as a line of its own, and exits with 1 if
// there is any. A valid Compose file is printed as Docker Compose understands it.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 2 && args[0] == "kubernetes":
		return validateResources(args[1], args[2:])
	case len(args) == 2 && args[0] == "compose":
		return validateCompose(args[1])
	default:
		return errors.New("usage: validator kubernetes <file> [<definitions>...], or validator compose <file>")
	}
}
