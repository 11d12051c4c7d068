import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Consume brokers topic isolation: prints every record up to the present end, one JSON object per line. */
public final class Consume {
    public static void main(String[] args) throws IOException {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("isolation.level", args[2]);
        properties.put("enable.auto.commit", "false");
        try (KafkaConsumer<byte[], byte[]> consumer =
                 new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
             JsonGenerator json = new JsonFactory().createGenerator(new BufferedOutputStream(System.out, 1 << 16))) {
            json.setRootValueSeparator(new com.fasterxml.jackson.core.io.SerializedString("\n"));
            consumeAll(consumer, args[1], json);
        }
    }

    private static void consumeAll(KafkaConsumer<byte[], byte[]> consumer, String topic, JsonGenerator json)
            throws IOException {
        List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
            .map(info -> new TopicPartition(topic, info.partition()))
            .toList();
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                print(record, json);
            }
        }
    }

    private static void print(ConsumerRecord<byte[], byte[]> record, JsonGenerator json) throws IOException {
        json.writeStartObject();
        json.writeNumberField("partition", record.partition());
        json.writeNumberField("offset", record.offset());
        json.writeNumberField("timestamp", record.timestamp());
        writeBytes("key", record.key(), json);
        writeBytes("value", record.value(), json);
        json.writeArrayFieldStart("headers");
        for (Header header : record.headers()) {
            json.writeStartArray();
            json.writeString(header.key());
            writeBytes(header.value(), json);
            json.writeEndArray();
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    private static void writeBytes(String name, byte[] bytes, JsonGenerator json) throws IOException {
        json.writeFieldName(name);
        writeBytes(bytes, json);
    }

    private static void writeBytes(byte[] bytes, JsonGenerator json) throws IOException {
        if (bytes == null) {
            json.writeNull();
        } else {
            json.writeBinary(bytes);
        }
    }
}
