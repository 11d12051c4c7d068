import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Runs the steps it reads from standard input, one JSON object per line; test/support/java.ts says which there are. */
public final class Produce {
    private static final ObjectMapper JSON = new ObjectMapper();
    private final Map<String, KafkaProducer<byte[], byte[]>> producers = new LinkedHashMap<>();
    private final ConcurrentLinkedQueue<Exception> failures = new ConcurrentLinkedQueue<>();

    public static void main(String[] args) throws Exception {
        Produce produce = new Produce();
        BufferedReader steps = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = steps.readLine(); line != null; line = steps.readLine()) {
            produce.run(JSON.readTree(line));
        }
        produce.close();
    }

    private void run(JsonNode step) throws Exception {
        String name = step.get("producer").asText();
        KafkaProducer<byte[], byte[]> producer = producers.get(name);
        switch (step.get("step").asText()) {
            case "open" -> producers.put(name, open(step.get("config")));
            case "begin" -> producer.beginTransaction();
            case "commit" -> producer.commitTransaction();
            case "abort" -> producer.abortTransaction();
            case "flush" -> producer.flush();
            case "send" -> send(producer, step);
            case "sendMany" -> sendMany(producer, step);
            default -> throw new IllegalArgumentException("unknown step: " + step);
        }
        throwFailure();
    }

    private static KafkaProducer<byte[], byte[]> open(JsonNode config) {
        Properties properties = new Properties();
        config.fields().forEachRemaining(field -> properties.put(field.getKey(), field.getValue().asText()));
        KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        if (properties.containsKey("transactional.id")) {
            producer.initTransactions();
        }
        return producer;
    }

    private void send(KafkaProducer<byte[], byte[]> producer, JsonNode step) {
        RecordHeaders headers = new RecordHeaders();
        for (JsonNode header : step.path("headers")) {
            headers.add(header.get(0).asText(), bytes(header.get(1)));
        }
        Long timestamp = step.hasNonNull("timestamp") ? step.get("timestamp").asLong() : null;
        send(producer, new ProducerRecord<>(
            step.get("topic").asText(), partition(step), timestamp,
            bytes(step.path("key")), bytes(step.path("value")), headers));
    }

    private void sendMany(KafkaProducer<byte[], byte[]> producer, JsonNode step) {
        String topic = step.get("topic").asText();
        int count = step.get("count").asInt();
        for (int i = 0; i < count; i++) {
            byte[] key = ("key-" + i).getBytes(StandardCharsets.UTF_8);
            byte[] value = ("value " + i).getBytes(StandardCharsets.UTF_8);
            send(producer, new ProducerRecord<>(topic, partition(step), key, value));
        }
    }

    private void send(KafkaProducer<byte[], byte[]> producer, ProducerRecord<byte[], byte[]> record) {
        producer.send(record, (metadata, failure) -> {
            // Records that were not sent yet fail when their transaction is aborted: that is what was asked for.
            boolean aborted = failure instanceof org.apache.kafka.common.errors.TransactionAbortedException;
            if (failure != null && !aborted) {
                failures.add(failure);
            }
        });
    }

    private void close() throws Exception {
        producers.values().forEach(KafkaProducer::close);
        throwFailure();
    }

    private void throwFailure() throws Exception {
        Exception failure = failures.poll();
        if (failure != null) {
            throw failure;
        }
    }

    private static Integer partition(JsonNode step) {
        return step.hasNonNull("partition") ? step.get("partition").asInt() : null;
    }

    private static byte[] bytes(JsonNode base64) {
        return base64.isTextual() ? Base64.getDecoder().decode(base64.asText()) : null;
    }
}
