package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install" // known to legacyscheme
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // known to legacyscheme
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install" // known to legacyscheme
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	syaml "sigs.k8s.io/yaml"
)

// namespace is that of resources that name none.
const namespace = "default"

// validateResources checks each resource of a file as the API server does when it
// is created.
func validateResources(path string, definitions []string) error {
	custom, err := readDefinitions(definitions)
	if err != nil {
		return err
	}
	texts, err := documents(path)
	if err != nil {
		return err
	}
	var all []error
	for i, text := range texts {
		if err := validateResource(text, custom); err != nil {
			all = append(all, fmt.Errorf("%s: resource %d: %w", path, i+1, err))
		}
	}
	return errors.Join(all...)
}

// documents returns the documents of a YAML file as JSON, without empty ones.
func documents(path string) ([][]byte, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the files are its arguments
	if err != nil {
		return nil, err
	}
	var all [][]byte
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		text, err := syaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if string(text) != "null" {
			all = append(all, text)
		}
	}
}

// validateResource checks one resource, given as JSON.
func validateResource(text []byte, custom customResources) error {
	if known, err := custom.validate(text); known {
		return err
	}
	strict := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	object, kind, err := strict.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return err
	}
	legacyscheme.Scheme.Default(object)
	internal, err := legacyscheme.Scheme.ConvertToVersion(object, runtime.InternalGroupVersioner)
	if err != nil {
		return fmt.Errorf("converting %s: %w", kind, err)
	}
	if problems := validateObject(internal); len(problems) > 0 {
		return fmt.Errorf("%s: %w", kind.Kind, problems.ToAggregate())
	}
	return nil
}

// validateObject calls the validation of the object's kind, as its registry does
// when it is created.
func validateObject(object runtime.Object) field.ErrorList {
	switch o := object.(type) {
	case *core.Service:
		inNamespace(&o.Namespace)
		if o.Spec.ClusterIP != "" { // the registry's own default
			o.Spec.ClusterIPs = []string{o.Spec.ClusterIP}
		}
		return corevalidation.ValidateServiceCreate(o)
	case *core.ConfigMap:
		inNamespace(&o.Namespace)
		return corevalidation.ValidateConfigMap(o)
	case *core.Secret:
		inNamespace(&o.Namespace)
		return corevalidation.ValidateSecret(o)
	case *apps.Deployment:
		inNamespace(&o.Namespace)
		return appsvalidation.ValidateDeployment(o, corevalidation.PodValidationOptions{})
	case *apps.StatefulSet:
		inNamespace(&o.Namespace)
		return appsvalidation.ValidateStatefulSet(o, corevalidation.PodValidationOptions{})
	case *policy.PodDisruptionBudget:
		inNamespace(&o.Namespace)
		return policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
	default:
		return field.ErrorList{field.NotSupported(field.NewPath("kind"), fmt.Sprintf("%T", object), []string{})}
	}
}

func inNamespace(of *string) {
	if *of == "" {
		*of = namespace
	}
}
