package apiserver

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// ownService names, in each container, the address of the Service `kubernetes`. Unlike KUBERNETES_SERVICE_HOST, by which client-go finds the
// API server, there is no reason to set it to anything else.
const ownService = "KUBERNETES_PORT_443_TCP_ADDR"

// RefuseOwnService ends the start of a daemon that would reach the API server at the address of the Service `kubernetes`. While another proxy
// serves it all looks well, until the node starts again.
func RefuseOwnService(at netip.Addr) error {
	service, _ := netip.ParseAddr(os.Getenv(ownService)) // none outside of a container
	if !service.IsValid() || at != service {
		return nil
	}
	return fmt.Errorf("the API server's address %s is that of the Service kubernetes, %s", at, remedy)
}

// RefuseClusterAddress does the same to the cluster address of any Service, once the API has told of all.
func RefuseClusterAddress(at netip.Addr, api *watch.Cluster) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := api.WaitForSync(ctx); err == nil {
			if service, ok := api.At(at); ok {
				return fmt.Errorf("the API server's address %s is that of the Service %s, %s", at, service, remedy)
			}
		}
		<-ctx.Done()
		return nil
	}
}

const remedy = "which no proxy serves before kube-ipvs does: name an address of the API server itself (--kubeconfig, --master, KUBERNETES_SERVICE_HOST)"
