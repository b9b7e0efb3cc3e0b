package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
)

// validateCompose loads a Compose file as Docker Compose does, against the schema
// of its specification, with the variables of the environment, and prints it.
func validateCompose(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithOsEnv, cli.WithName("validated"))
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for name, service := range project.Services {
		if service.Build != nil {
			if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
				return fmt.Errorf("%s: building service %s: %w", path, name, err)
			}
		}
	}
	text, err := project.MarshalYAML()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = os.Stdout.Write(text)
	return err
}
