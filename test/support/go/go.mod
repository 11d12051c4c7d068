module kafka-worker-group/test/go-original

go 1.21

require (
	github.com/Shopify/sarama v1.19.0
	github.com/meitu/go-consumergroup v0.2.7
	github.com/sirupsen/logrus v1.4.2
)

require (
	github.com/Shopify/toxiproxy v2.1.4+incompatible // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/eapache/go-resiliency v1.7.0 // indirect
	github.com/eapache/go-xerial-snappy v0.0.0-20230731223053-c322873962e3 // indirect
	github.com/eapache/queue v1.1.0 // indirect
	github.com/frankban/quicktest v1.14.6 // indirect
	github.com/go-zookeeper/zk v1.0.4 // indirect
	github.com/golang/snappy v0.0.4 // indirect
	github.com/konsorten/go-windows-terminal-sequences v1.0.1 // indirect
	github.com/meitu/go-zookeeper v0.0.0 // indirect
	github.com/meitu/zk_wrapper v0.0.0-00010101000000-000000000000 // indirect
	github.com/pierrec/lz4 v2.6.1+incompatible // indirect
	github.com/rcrowley/go-metrics v0.0.0-20250401214520-65e299d6c5c9 // indirect
	golang.org/x/sys v0.0.0-20190422165155-953cdadca894 // indirect
)

// These two are not served as modules. What the original uses of them stands here, on the library that they were made from.
replace (
	github.com/meitu/go-zookeeper => ./zookeeper
	github.com/meitu/zk_wrapper => ./zk_wrapper
)
