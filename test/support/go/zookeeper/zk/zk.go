// Package zk has the names that go-consumergroup uses of its fork of the ZooKeeper client, on the client's own
// successor. The fork differs by watches that can be removed.
package zk

import (
	"errors"
	"sync"

	"github.com/go-zookeeper/zk"
)

type (
	ACL   = zk.ACL
	Event = zk.Event
	Stat  = zk.Stat
)

const (
	FlagEphemeral = zk.FlagEphemeral
	PermAll       = zk.PermAll
)

var (
	ErrNoNode         = zk.ErrNoNode
	ErrNodeExists     = zk.ErrNodeExists
	ErrWatcherRemoved = errors.New("zk: watcher removed")

	Connect  = zk.Connect
	WorldACL = zk.WorldACL
)

type Conn = zk.Conn

// Watcher passes one event on; removing it is one, as in the fork.
type Watcher struct {
	EvCh chan Event
	once sync.Once
}

func NewWatcher(events <-chan Event) *Watcher {
	w := &Watcher{EvCh: make(chan Event, 1)}
	go func() { w.fire(<-events) }()
	return w
}

// Remove tells whether the watcher was still waiting.
func (w *Watcher) Remove() bool {
	return w.fire(Event{Type: zk.EventNotWatching, Err: ErrWatcherRemoved})
}

func (w *Watcher) fire(event Event) (isFirst bool) {
	w.once.Do(func() {
		isFirst = true
		w.EvCh <- event
		close(w.EvCh)
	})
	return isFirst
}
