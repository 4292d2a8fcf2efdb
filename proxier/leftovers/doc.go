// Package leftovers knows what Service proxies put into a machine: every mode and
// age of kube-proxy, and we ourselves. From what was found in a machine it says
// what has to be done so that nothing of that is left, in which order, and
// what has to stay because another program holds it.
//
// A name belongs to kube-proxy only if it stands in the tables here, whole or
// as a strict pattern: the prefix KUBE- is also the kubelet's, kube-router's
// and others'. Nothing here touches the machine or decides when it is done.
package leftovers
