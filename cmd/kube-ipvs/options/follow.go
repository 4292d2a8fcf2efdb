package options

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/klog/v2"
)

// lookAtFile is how often the configuration file is read. By its content alone it
// does not matter how it is replaced: in place, by another of its name, or by a
// link to another folder, as the kubelet does with a ConfigMap.
const lookAtFile = 5 * time.Second

// FollowFile ends the daemon when its configuration file has changed, as
// kube-proxy does: the kubelet or systemd starts it anew, with the new file. One
// with which it could not start changes nothing but the log.
func (o Options) FollowFile(ctx context.Context) error {
	if o.ConfigFile == "" {
		<-ctx.Done()
		return nil
	}
	looks := time.NewTicker(lookAtFile)
	defer looks.Stop()
	for said := ""; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-looks.C:
		}
		changed, err := o.fileChanged()
		switch {
		case err == nil && changed:
			return fmt.Errorf("%s has changed: ending, to be started anew with it", o.ConfigFile)
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error()
			klog.ErrorS(err, "The configuration file has changed and cannot be used; going on with what it said before", "file", o.ConfigFile)
		}
	}
}

// fileChanged tells whether the file has another content than at the start; an
// error if no daemon could start with that.
func (o Options) fileChanged() (bool, error) {
	text, err := os.ReadFile(o.ConfigFile)
	if err != nil || string(text) == o.ConfigText {
		return false, err
	}
	_, err = Parse(o.Args, os.Hostname)
	return true, err
}
