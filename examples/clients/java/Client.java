// A client for `redis-lab load LAB --client 'java -cp "lib/*" Client.java'`, on Jedis 5 (redis.clients:jedis, with what it needs, and com.google.code.gson:gson in lib/).

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisCluster;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.JedisSentineled;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.SetParams;

public class Client {
  static final int AT_ONCE = 64;
  static final Gson GSON = new GsonBuilder().serializeNulls().create();

  static Set<HostAndPort> nodes(String name) {
    return Arrays.stream(System.getenv(name).split(",")).map(HostAndPort::from).collect(Collectors.toSet());
  }

  static UnifiedJedis connect() {
    JedisClientConfig config = DefaultJedisClientConfig.builder().password(System.getenv("REDISCLI_AUTH")).timeoutMillis(500).build();
    JedisClientConfig sentinel =
        DefaultJedisClientConfig.builder().password(System.getenv("REDIS_SENTINEL_PASSWORD")).timeoutMillis(500).build();
    GenericObjectPoolConfig<Connection> pool = new GenericObjectPoolConfig<>();
    pool.setMaxTotal(AT_ONCE);
    switch (System.getenv("REDIS_LAB_LAYOUT")) {
      case "cluster":
        // One attempt and its redirections: a command is repeated by nobody.
        return new JedisCluster(nodes("REDIS_NODES"), config, 5, pool);
      case "sentinel":
        return new JedisSentineled(System.getenv("REDIS_SENTINEL_MASTER"), config, pool, nodes("REDIS_SENTINELS"), sentinel);
      default:
        return new JedisPooled(pool, HostAndPort.from(System.getenv("REDIS_HOST") + ":" + System.getenv("REDIS_PORT")), config);
    }
  }

  static Map<String, Object> run(UnifiedJedis client, JsonObject operation) {
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("o", operation.get("o").getAsLong());
    String key = operation.get("key").getAsString();
    try {
      switch (operation.get("op").getAsString()) {
        case "set":
          SetParams params = new SetParams();
          if (operation.has("ttl")) params.ex(operation.get("ttl").getAsLong());
          client.set(key, operation.get("value").getAsString(), params);
          break;
        case "get":
          answer.put("v", client.get(key));
          break;
        default:
          answer.put("v", client.incr(key));
      }
      answer.put("k", "ok");
    } catch (JedisDataException error) {
      // An error reply: the server did not do it.
      answer.put("k", "fail");
      answer.put("error", String.valueOf(error.getMessage()));
    } catch (RuntimeException error) {
      answer.put("k", "unknown");
      answer.put("error", String.valueOf(error.getMessage()));
    }
    return answer;
  }

  public static void main(String[] words) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
    try (UnifiedJedis client = connect(); BufferedReader lines = new BufferedReader(new InputStreamReader(System.in))) {
      System.out.println("{\"k\":\"ready\"}");
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        JsonObject operation = GSON.fromJson(line, JsonObject.class);
        threads.submit(() -> {
          String answer = GSON.toJson(run(client, operation));
          synchronized (System.out) {
            System.out.println(answer);
            System.out.flush();
          }
        });
      }
      threads.shutdown();
      threads.awaitTermination(10, TimeUnit.SECONDS);
    }
  }
}
