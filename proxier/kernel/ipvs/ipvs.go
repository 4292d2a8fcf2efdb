package ipvs

import (
	"errors"
	"fmt"
	"os"

	"github.com/moby/ipvs"
	"github.com/sirupsen/logrus"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
)

// Config is what virtual servers have unless more is said of them.
type Config struct {
	Scheduler string // to be found in the kernel
	Timeouts  Timeouts
	Records   host.Records // former values of time-outs are among them
}

// IPVS is that of one network namespace. It is for the goroutine that writes
// rows, but for what is said to be for others.
type IPVS struct {
	cfg     Config
	rows    *conn
	answers *conn        // for Prepare, beside that goroutine
	names   names        // of schedulers
	moby    *ipvs.Handle // nil without IPVS in the kernel
}

// Open makes sure that the kernel has IPVS, and loads it where that is possible.
func Open(cfg Config) (*IPVS, error) {
	return opened(cfg, func(i *IPVS) error {
		// The library's writes "succeed" without IPVS in the kernel, so ask first.
		if err := i.rows.load(cfg.Scheduler); err != nil {
			return err
		}
		return i.openLibrary()
	})
}

// OpenLoaded loads nothing. Without IPVS in the kernel there is nothing to be
// found.
func OpenLoaded(cfg Config) (*IPVS, error) {
	return opened(cfg, func(i *IPVS) error {
		if !Loaded() {
			return nil // asking for it by name would load it
		}
		if err := i.rows.find(); err != nil {
			return err
		}
		return i.openLibrary()
	})
}

// Loaded tells whether this network namespace has IPVS.
func Loaded() bool {
	_, err := os.Stat("/proc/thread-self/net/ip_vs")
	return !os.IsNotExist(err)
}

func opened(cfg Config, find func(*IPVS) error) (i *IPVS, err error) {
	i = &IPVS{cfg: cfg, names: names{}}
	i.rows, err = dial()
	if err == nil {
		i.answers, err = dial()
	}
	if err == nil {
		err = find(i)
	}
	if err != nil {
		return nil, errors.Join(err, i.Close())
	}
	i.answers.number = i.rows.number
	return i, nil
}

func (i *IPVS) openLibrary() (err error) {
	// The library tries to load the module once more, which a container cannot, and warns of that in no other way.
	logrus.SetLevel(logrus.ErrorLevel)
	if i.moby, err = ipvs.New(""); err != nil {
		return fmt.Errorf("open IPVS: %w", err)
	}
	return nil
}

// Close lets go of all sockets; nothing in the kernel changes.
func (i *IPVS) Close() error {
	if i.moby != nil {
		i.moby.Close()
	}
	return errors.Join(i.rows.close(), i.answers.close())
}
