package main

import (
	"fmt"
	"net/netip"
	"os"
)

// ownService names, in each container, the address of the Service `kubernetes`. Unlike KUBERNETES_SERVICE_HOST, by which client-go finds the
// API server, nobody has a reason to set it to anything else.
const ownService = "KUBERNETES_PORT_443_TCP_ADDR"

// refuseService ends the start of a daemon that would reach the API server at the address of the Service `kubernetes`. While another proxy
// serves it all looks well, until the node starts again.
func refuseService(at netip.Addr) error {
	service, err := netip.ParseAddr(os.Getenv(ownService))
	if err != nil || at != service {
		return nil
	}
	return fmt.Errorf("the API server's address %s is that of the Service kubernetes, %s", at, remedy)
}

const remedy = "which nobody serves before kube-ipvs does: name an address of the API server itself (--kubeconfig, --master, KUBERNETES_SERVICE_HOST)"
