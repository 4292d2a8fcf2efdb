package plan

// Origin is where a Service asks for a frontend.
type Origin uint8

// The origins.
const (
	ClusterIP Origin = iota + 1
	LoadBalancer
	ExternalIP
	NodePort
	HealthPort
)

var origins = map[Origin]struct{ field, name string }{
	ClusterIP:    {"spec.clusterIPs", "ClusterIP"},
	LoadBalancer: {"status.loadBalancer.ingress", "LoadBalancer"},
	ExternalIP:   {"spec.externalIPs", "ExternalIP"},
	NodePort:     {"spec.ports.nodePort", "NodePort"},
	HealthPort:   {"spec.healthCheckNodePort", "HealthPort"},
}

// Field is the path of the field in the Service.
func (o Origin) Field() string { return origins[o].field }

// String is what people call such a frontend.
func (o Origin) String() string { return origins[o].name }
