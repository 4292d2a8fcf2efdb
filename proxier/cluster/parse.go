package cluster

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
)

func parsePort(number int32) (uint16, error) {
	if number < 1 || number > 65535 {
		return 0, fmt.Errorf("%d is not a port number: 1 to 65535 are", number)
	}
	return uint16(number), nil
}

func parseProtocol(protocol v1.Protocol) (v1.Protocol, error) {
	switch protocol {
	case "":
		return v1.ProtocolTCP, nil
	case v1.ProtocolTCP, v1.ProtocolUDP, v1.ProtocolSCTP:
		return protocol, nil
	}
	return "", fmt.Errorf("%q is not a protocol that can be balanced: TCP, UDP and SCTP are", protocol)
}

const (
	defaultAffinity = v1.DefaultClientIPServiceAffinitySeconds
	longestAffinity = 86400
)

// parseAffinity always answers with a duration to use, even when it errs.
func parseAffinity(seconds int32) (time.Duration, error) {
	if seconds < 1 || seconds > longestAffinity {
		return time.Duration(defaultAffinity) * time.Second,
			fmt.Errorf("%d is not from 1 to %d: the default of %d is used", seconds, longestAffinity, defaultAffinity)
	}
	return time.Duration(seconds) * time.Second, nil
}

const longestDrain = 24 * time.Hour

func parseDrainTimeout(text string) (time.Duration, error) {
	timeout, err := time.ParseDuration(text)
	if err != nil || timeout < 0 || timeout > longestDrain {
		return 0, fmt.Errorf("%q is not a duration from 0s to %s, such as 90s or 15m: the node's is used", text, longestDrain)
	}
	return timeout, nil
}
