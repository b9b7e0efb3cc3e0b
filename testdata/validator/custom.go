package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
)

// customResource is the schema of one kind and version.
type customResource struct {
	validator validation.SchemaValidator
	structure *schema.Structural
}

// customResources has them by apiVersion and kind.
type customResources map[[2]string]customResource

// readDefinitions reads files of custom resource definitions.
func readDefinitions(paths []string) (customResources, error) {
	scheme := runtime.NewScheme()
	if err := v1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := apiextensions.AddToScheme(scheme); err != nil {
		return nil, err
	}
	all := customResources{}
	for _, path := range paths {
		texts, err := documents(path)
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			var definition v1.CustomResourceDefinition
			if err := json.Unmarshal(text, &definition); err != nil {
				return nil, fmt.Errorf("reading %s: %w", path, err)
			}
			for _, version := range definition.Spec.Versions {
				resource, err := newCustomResource(scheme, version)
				if err != nil {
					return nil, fmt.Errorf("reading %s: %s: %w", path, definition.Name, err)
				}
				all[[2]string{definition.Spec.Group + "/" + version.Name, definition.Spec.Names.Kind}] = resource
			}
		}
	}
	return all, nil
}

func newCustomResource(scheme *runtime.Scheme, version v1.CustomResourceDefinitionVersion) (customResource, error) {
	var properties apiextensions.JSONSchemaProps
	if err := scheme.Convert(version.Schema.OpenAPIV3Schema, &properties, nil); err != nil {
		return customResource{}, err
	}
	validator, _, err := validation.NewSchemaValidator(&properties)
	if err != nil {
		return customResource{}, err
	}
	structure, err := schema.NewStructural(&properties)
	return customResource{validator, structure}, err
}

// validate checks a resource if there is a definition of it. Where the API server
// drops what a definition does not know, that is an error here.
func (c customResources) validate(text []byte) (known bool, err error) {
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return false, err
	}
	version, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	resource, known := c[[2]string{version, kind}]
	if !known {
		return false, nil
	}
	if problems := validation.ValidateCustomResource(nil, object, resource.validator); len(problems) > 0 {
		return true, fmt.Errorf("%s: %w", kind, problems.ToAggregate())
	}
	unknown := pruning.PruneWithOptions(object, resource.structure, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if len(unknown) > 0 {
		return true, fmt.Errorf("%s: unknown field %s", kind, strings.Join(unknown, ", "))
	}
	return true, nil
}
