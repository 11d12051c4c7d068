// Package zk_wrapper has what go-consumergroup calls of its wrapper of the ZooKeeper client, without a chroot.
package zk_wrapper

import (
	"errors"
	"time"

	"github.com/meitu/go-zookeeper/zk"
)

type Conn struct {
	*zk.Conn
}

func Connect(servers []string, sessionTimeout time.Duration) (*Conn, <-chan zk.Event, error) {
	conn, events, err := zk.Connect(servers, sessionTimeout)
	return &Conn{conn}, events, err
}

func (c *Conn) Chroot(string) error {
	return errors.New("no chroot here")
}

func (c *Conn) ChildrenW(path string) ([]string, *zk.Stat, *zk.Watcher, error) {
	children, stat, events, err := c.Conn.ChildrenW(path)
	if err != nil {
		return nil, nil, nil, err
	}
	return children, stat, zk.NewWatcher(events), nil
}

func (c *Conn) GetW(path string) ([]byte, *zk.Stat, *zk.Watcher, error) {
	data, stat, events, err := c.Conn.GetW(path)
	if err != nil {
		return nil, nil, nil, err
	}
	return data, stat, zk.NewWatcher(events), nil
}

func (c *Conn) RemoveWatcher(w *zk.Watcher) bool {
	return w.Remove()
}
