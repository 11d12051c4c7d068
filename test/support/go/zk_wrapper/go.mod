module github.com/meitu/zk_wrapper

go 1.21

require github.com/meitu/go-zookeeper v0.0.0

replace github.com/meitu/go-zookeeper => ../zookeeper
