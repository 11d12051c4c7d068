// A member of the Go original: main -zookeeper H:P -group G -topic T -id ID -session 2s prints one line per record that
// it handled, "partition offset", until SIGTERM stops it in good order.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/Shopify/sarama"
	consumergroup "github.com/meitu/go-consumergroup"
	"github.com/sirupsen/logrus"
)

func main() {
	zookeeper := flag.String("zookeeper", "", "host:port")
	group := flag.String("group", "", "group id")
	topic := flag.String("topic", "", "topic")
	id := flag.String("id", "", "member id")
	session := flag.Duration("session", 6*time.Second, "session timeout")
	flag.Parse()

	config := consumergroup.NewConfig()
	config.ZkList = []string{*zookeeper}
	config.ZkSessionTimeout = *session
	config.GroupID = *group
	config.ConsumerID = *id
	config.TopicList = []string{*topic}
	config.OffsetAutoReset = sarama.OffsetOldest
	config.OffsetAutoCommitInterval = time.Second
	config.SaramaConfig.Version = sarama.V1_0_0_0
	if err := run(config, *topic); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(config *consumergroup.Config, topic string) error {
	member, err := consumergroup.NewConsumerGroup(config)
	if err != nil {
		return err
	}
	logger := logrus.New()
	logger.Out = os.Stderr
	member.SetLogger(logger)
	if err := member.Start(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		member.Stop()
	}()
	go endWithParent()
	errors, _ := member.GetErrors(topic)
	go func() {
		for err := range errors {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	messages, _ := member.GetMessages(topic)
	out := bufio.NewWriter(os.Stdout)
	for message := range messages {
		fmt.Fprintln(out, message.Partition, message.Offset)
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// Standard input ends when whoever started this program is gone.
func endWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(2)
}
