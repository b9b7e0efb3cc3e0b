package decodetest

import "github.com/traefik/paerser/types"

// The types below are the parts of Traefik's own that the examples and the
// documents use, under its names. What is not in them does not decode, so a
// misspelt option fails a test here, as it fails in Traefik.

// staticConfiguration is what Traefik reads when it starts
// (pkg/config/static).
type staticConfiguration struct {
	EntryPoints      map[string]entryPoint
	Experimental     *experimental
	ServersTransport *serversTransport
	Providers        *providers
}

type entryPoint struct {
	Address   string
	Transport *struct {
		LifeCycle *struct{ GraceTimeOut types.Duration }
	}
}

type experimental struct {
	Plugins              map[string]struct{ ModuleName, Version string }
	LocalPlugins         map[string]struct{ ModuleName string }
	AbortOnPluginFailure bool
}

type serversTransport struct {
	ForwardingTimeouts struct{ IdleConnTimeout types.Duration }
}

type providers struct {
	File   *struct{ Filename string }
	Docker *struct{ ExposedByDefault bool }
}

// configuration is the dynamic configuration, which a file or labels are decoded
// into (pkg/config/dynamic).
type configuration struct {
	HTTP *httpConfiguration
}

type httpConfiguration struct {
	Routers     map[string]*router
	Services    map[string]*service
	Middlewares map[string]*middleware
}

type router struct {
	EntryPoints []string
	Rule        string
	Middlewares []string
	Service     string
}

type middleware struct {
	Plugin plugins
	Retry  *retry
}

type retry struct{ Attempts int }

// plugins has the options of each plugin that a middleware names. There may be
// only one.
type plugins map[string]options

type options map[string]any

type service struct {
	LoadBalancer *loadBalancer
	Weighted     *weighted
}

type loadBalancer struct {
	Sticky      *sticky
	Servers     []server `label-slice-as-struct:"server"`
	Strategy    string
	HealthCheck *healthCheck
}

type server struct {
	URL    string `label:"-"`
	Port   string `file:"-"`
	Weight *int
}

type healthCheck struct {
	Path              string
	Interval, Timeout types.Duration
}

type weighted struct {
	Sticky   *sticky
	Services []struct {
		Name   string
		Weight int
	}
}

type sticky struct{ Cookie *cookie }

type cookie struct {
	Name, SameSite   string
	Secure, HTTPOnly bool
}

// resource is a resource of Kubernetes or of Traefik's provider for it
// (pkg/provider/kubernetes/crd/traefikio/v1alpha1).
type resource[spec any] struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec spec `yaml:"spec"`

	Data map[string]string `yaml:"data"` // of a ConfigMap
}

type middlewareSpec struct {
	Plugin object `yaml:"plugin"`
	Retry  *struct {
		Attempts int `yaml:"attempts"`
	} `yaml:"retry"`
}

type ingressRouteSpec struct {
	EntryPoints []string `yaml:"entryPoints"`
	Routes      []struct {
		Kind        string `yaml:"kind"`
		Match       string `yaml:"match"`
		Middlewares []struct {
			Name string `yaml:"name"`
		} `yaml:"middlewares"`
		Services []serviceReference `yaml:"services"`
	} `yaml:"routes"`
}

type serviceReference struct {
	Name             string          `yaml:"name"`
	Kind             string          `yaml:"kind"`
	Port             int             `yaml:"port"`
	Weight           int             `yaml:"weight"`
	ServersTransport string          `yaml:"serversTransport"`
	Sticky           *stickyResource `yaml:"sticky"`
}

type stickyResource struct {
	Cookie struct {
		Name   string `yaml:"name"`
		MaxAge int    `yaml:"maxAge"`
	} `yaml:"cookie"`
}

type traefikServiceSpec struct {
	Weighted struct {
		Sticky   *stickyResource    `yaml:"sticky"`
		Services []serviceReference `yaml:"services"`
	} `yaml:"weighted"`
}

type serversTransportSpec struct {
	ForwardingTimeouts struct {
		IdleConnTimeout string `yaml:"idleConnTimeout"`
	} `yaml:"forwardingTimeouts"`
}

// Of Kubernetes' own resources, these are the parts that the tests read.
// testdata/validator validates the whole of them.

type serviceSpec struct {
	Type                     string `yaml:"type"`
	ClusterIP                string `yaml:"clusterIP"`
	PublishNotReadyAddresses bool   `yaml:"publishNotReadyAddresses"`

	Selector map[string]string `yaml:"selector"`
	Ports    []struct {
		Name       string `yaml:"name"`
		Port       int    `yaml:"port"`
		TargetPort string `yaml:"targetPort"`
	} `yaml:"ports"`
}

type deploymentSpec struct {
	Replicas int `yaml:"replicas"`
	Selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	} `yaml:"selector"`
	Template struct {
		Metadata struct {
			Labels map[string]string `yaml:"labels"`
		} `yaml:"metadata"`
		Spec struct {
			TerminationGracePeriodSeconds int         `yaml:"terminationGracePeriodSeconds"`
			Containers                    []container `yaml:"containers"`

			Others map[string]any `yaml:",inline"`
		} `yaml:"spec"`
	} `yaml:"template"`

	Others map[string]any `yaml:",inline"`
}

type disruptionBudgetSpec struct {
	MaxUnavailable int `yaml:"maxUnavailable"`
	Selector       struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	} `yaml:"selector"`
}

type container struct {
	Name  string   `yaml:"name"`
	Image string   `yaml:"image"`
	Args  []string `yaml:"args"`
	Env   []struct {
		Name      string         `yaml:"name"`
		Value     string         `yaml:"value"`
		ValueFrom map[string]any `yaml:"valueFrom"`
	} `yaml:"env"`
	Ports []struct {
		Name          string `yaml:"name"`
		ContainerPort int    `yaml:"containerPort"`
	} `yaml:"ports"`
	ReadinessProbe struct {
		HTTPGet struct {
			Path string `yaml:"path"`
			Port string `yaml:"port"`
		} `yaml:"httpGet"`
		TCPSocket struct {
			Port string `yaml:"port"`
		} `yaml:"tcpSocket"`
		PeriodSeconds  int `yaml:"periodSeconds"`
		TimeoutSeconds int `yaml:"timeoutSeconds"`
	} `yaml:"readinessProbe"`
	Lifecycle struct {
		PreStop struct {
			Sleep struct {
				Seconds int `yaml:"seconds"`
			} `yaml:"sleep"`
		} `yaml:"preStop"`
	} `yaml:"lifecycle"`

	Others map[string]any `yaml:",inline"`
}

// composeFile is the part of a file of Docker Compose that the tests read. The
// whole of it is validated by testdata/validator.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Build       string            `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Deploy      struct {
		Replicas int `yaml:"replicas"`
	} `yaml:"deploy"`
	Labels []string `yaml:"labels"`

	Others map[string]any `yaml:",inline"`
}
