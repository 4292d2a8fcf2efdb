//go:build linux

package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Client asks over HTTP from n, at addresses without names, over a new
// connection each time.
func (n *Namespace) Client(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return nil, err
			}
			return n.Dial(TCP, to, timeout)
		},
	}}
}

// Get is what is answered to n at url, and an error for any status but 200.
func (n *Namespace) Get(url string, timeout time.Duration) (string, error) {
	response, err := n.Client(timeout).Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(body), err
}

// ParseMetrics reads what a Prometheus would be answered: the samples whose
// names begin with prefix, by name and labels as they are spelled.
func ParseMetrics(text, prefix string) (map[string]float64, error) {
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		number, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if err != nil {
			return nil, fmt.Errorf("read metric %q: %w", line, err)
		}
		all[line[:at]] = number
	}
	return all, nil
}
