import java.io.IOException;
import java.util.Map;
import java.util.Properties;
import kafka.consumer.Consumer;
import kafka.consumer.ConsumerConfig;
import kafka.consumer.KafkaStream;
import kafka.javaapi.consumer.ConsumerConnector;
import kafka.message.MessageAndMetadata;

/**
 * A member with the old Scala consumer: ClassicConsumer zookeeper group topic id threads sessionMs prints one line per
 * record that it handled, "partition offset", until SIGTERM stops it in good order.
 */
public final class ClassicConsumer {
    public static void main(String[] args) {
        ConsumerConnector consumer = Consumer.createJavaConsumerConnector(configuration(args));
        Runtime.getRuntime().addShutdownHook(new Thread(consumer::shutdown));
        endWithParent();
        String topic = args[2];
        int threads = Integer.parseInt(args[4]);
        for (KafkaStream<byte[], byte[]> stream : consumer.createMessageStreams(Map.of(topic, threads)).get(topic)) {
            new Thread(() -> print(stream)).start();
        }
    }

    private static ConsumerConfig configuration(String[] args) {
        Properties properties = new Properties();
        properties.put("zookeeper.connect", args[0]);
        properties.put("group.id", args[1]);
        properties.put("consumer.id", args[3]);
        properties.put("zookeeper.session.timeout.ms", args[5]);
        properties.put("rebalance.backoff.ms", "500");
        properties.put("rebalance.max.retries", "10");
        properties.put("auto.offset.reset", "smallest");
        properties.put("auto.commit.interval.ms", "500");
        return new ConsumerConfig(properties);
    }

    private static void print(KafkaStream<byte[], byte[]> stream) {
        for (MessageAndMetadata<byte[], byte[]> record : stream) {
            System.out.println(record.partition() + " " + record.offset());
            System.out.flush();
        }
    }

    /** Standard input ends when whoever started this program is gone. */
    private static void endWithParent() {
        Thread watch = new Thread(() -> {
            try {
                System.in.readAllBytes();
            } catch (IOException gone) {
                // as good as its end
            }
            Runtime.getRuntime().halt(2);
        });
        watch.setDaemon(true);
        watch.start();
    }
}
