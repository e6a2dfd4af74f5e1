import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;

/**
 * Kafka Streams, exactly_once_v2: hourly means of each point, one state update a packet, those over a limit to a topic.
 *
 * <p>Arguments: bootstrap, topic, output topic, packets, threads, state folder. Prints one line of JSON: packets, seconds
 * from the first packet to the last, CPU seconds of the process meanwhile.
 */
public final class HourlyMeans {
  private static final List<String> FACTORS =
      List.of("a21026", "a21002", "a19001", "a34013", "a01011", "a01012", "a01013", "a01014");
  private static final Map<String, Integer> INDEX = new HashMap<>();
  private static final double[] LIMITS = {35, 100};
  private static final JsonFactory JSON = new JsonFactory();
  private static final long GIVE_UP_MS = 180_000;

  static {
    for (int i = 0; i < FACTORS.size(); i++) INDEX.put(FACTORS.get(i), i);
  }

  /** Sums and counts of the factors; of one packet, or of a window. */
  record Sums(long atMs, double[] sums, int[] counts) {
    static Sums none() {
      return new Sums(0, new double[FACTORS.size()], new int[FACTORS.size()]);
    }

    Sums plus(Sums other) {
      for (int i = 0; i < sums.length; i++) {
        sums[i] += other.sums[i];
        counts[i] += other.counts[i];
      }
      return this;
    }

    boolean exceeds() {
      for (int i = 0; i < LIMITS.length; i++) if (sums[i] > LIMITS[i] * counts[i]) return true;
      return false;
    }

    byte[] bytes() {
      ByteBuffer out = ByteBuffer.allocate(8 + sums.length * 12).putLong(atMs);
      for (int i = 0; i < sums.length; i++) out.putDouble(sums[i]).putInt(counts[i]);
      return out.array();
    }

    static Sums read(byte[] bytes) {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      Sums read = new Sums(in.getLong(), new double[FACTORS.size()], new int[FACTORS.size()]);
      for (int i = 0; i < FACTORS.size(); i++) {
        read.sums[i] = in.getDouble();
        read.counts[i] = in.getInt();
      }
      return read;
    }
  }

  /** A packet's JSON, read as a stream of tokens. */
  private static Sums packet(byte[] json) {
    double[] sums = new double[FACTORS.size()];
    int[] counts = new int[FACTORS.size()];
    long at = 0;
    try (JsonParser in = JSON.createParser(json)) {
      in.nextToken();
      while (in.nextToken() == JsonToken.FIELD_NAME) {
        String name = in.currentName();
        in.nextToken();
        if (name.equals("data_time")) at = OffsetDateTime.parse(in.getText()).toInstant().toEpochMilli();
        else if (name.equals("factors")) factors(in, sums, counts);
        else in.skipChildren();
      }
    } catch (IOException wrong) {
      throw new UncheckedIOException(wrong);
    }
    return new Sums(at, sums, counts);
  }

  private static void factors(JsonParser in, double[] sums, int[] counts) throws IOException {
    while (in.nextToken() == JsonToken.FIELD_NAME) {
      Integer index = INDEX.get(in.currentName());
      in.nextToken();
      while (in.nextToken() == JsonToken.FIELD_NAME) {
        String field = in.currentName();
        in.nextToken();
        if (index != null && (field.equals("Rtd") || field.equals("Avg"))) {
          sums[index] = in.getDoubleValue();
          counts[index] = 1;
        }
      }
    }
  }

  private static Properties settings(String bootstrap, String threads, String folder) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "kafka-streams-" + System.nanoTime());
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, threads);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
    settings.put("auto.offset.reset", "earliest");
    return settings;
  }

  public static void main(String[] given) throws InterruptedException {
    long expected = Long.parseLong(given[3]);
    AtomicLong count = new AtomicLong();
    long[] marks = new long[4]; // first and last packet: time, CPU
    OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    Serde<Sums> stored = Serdes.serdeFrom((t, sums) -> sums == null ? null : sums.bytes(),
        (t, bytes) -> bytes == null ? null : Sums.read(bytes));
    Serde<Sums> sent = Serdes.serdeFrom((t, sums) -> sums.bytes(), (t, bytes) -> packet(bytes));
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(given[1], Consumed.with(Serdes.String(), sent)
            .withTimestampExtractor((record, previous) -> ((Sums) record.value()).atMs()))
        .peek((key, value) -> {
          long seen = count.incrementAndGet();
          if (seen == 1) mark(marks, 0, system);
          if (seen == expected) mark(marks, 2, system);
        })
        .groupByKey(Grouped.with(Serdes.String(), stored))
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofHours(1), Duration.ofMinutes(10)))
        .aggregate(Sums::none, (key, value, sums) -> sums.plus(value), Materialized.with(Serdes.String(), stored))
        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
        .toStream()
        .filter((window, sums) -> sums.exceeds())
        .map((window, sums) -> KeyValue.pair(window.key(), sums))
        .to(given[2], Produced.with(Serdes.String(), stored));
    KafkaStreams streams = new KafkaStreams(builder.build(), settings(given[0], given[4], given[5]));
    streams.start();
    long begun = System.currentTimeMillis();
    while (count.get() < expected && System.currentTimeMillis() - begun < GIVE_UP_MS) Thread.sleep(20);
    System.out.printf("{\"packets\": %d, \"seconds\": %.4f, \"cpu_s\": %.4f}%n", count.get(),
        (marks[2] - marks[0]) / 1e9, (marks[3] - marks[1]) / 1e9);
    streams.close(Duration.ofSeconds(10));
    System.exit(0);
  }

  private static void mark(long[] marks, int place, OperatingSystemMXBean system) {
    marks[place + 1] = system.getProcessCpuTime();
    marks[place] = System.nanoTime();
  }
}
