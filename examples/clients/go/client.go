// A client for `redis-lab load LAB --client './client'`, on go-redis: go build -o client .
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

type operation struct {
	O     int64  `json:"o"`
	Op    string `json:"op"`
	Key   string `json:"key"`
	Value string `json:"value"`
	TTL   int    `json:"ttl"`
}

func connect() redis.UniversalClient {
	password := os.Getenv("REDISCLI_AUTH")
	// A command is repeated by nobody: each has one outcome.
	switch os.Getenv("REDIS_LAB_LAYOUT") {
	case "cluster":
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: strings.Split(os.Getenv("REDIS_NODES"), ","), Password: password, Protocol: 2, MaxRetries: -1,
		})
	case "sentinel":
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: os.Getenv("REDIS_SENTINEL_MASTER"), SentinelAddrs: strings.Split(os.Getenv("REDIS_SENTINELS"), ","),
			SentinelPassword: os.Getenv("REDIS_SENTINEL_PASSWORD"), Password: password, Protocol: 2, MaxRetries: -1,
		})
	default:
		return redis.NewClient(&redis.Options{
			Addr: os.Getenv("REDIS_HOST") + ":" + os.Getenv("REDIS_PORT"), Password: password, Protocol: 2, MaxRetries: -1,
		})
	}
}

func do(client redis.UniversalClient, op operation) map[string]any {
	ctx := context.Background()
	answer := map[string]any{"o": op.O, "k": "ok"}
	var err error
	switch op.Op {
	case "set":
		err = client.Set(ctx, op.Key, op.Value, time.Duration(op.TTL)*time.Second).Err()
	case "incr":
		answer["v"], err = client.Incr(ctx, op.Key).Result()
	case "get":
		var value string
		value, err = client.Get(ctx, op.Key).Result()
		answer["v"] = value
		if errors.Is(err, redis.Nil) {
			answer["v"], err = nil, nil
		}
	}
	if err == nil {
		return answer
	}
	// An error reply says that the server did not do it; so does a connection that could not be made. Of others nobody knows.
	var reply redis.Error
	k := "unknown"
	if errors.As(err, &reply) || strings.Contains(err.Error(), "connect: ") {
		k = "fail"
	}
	return map[string]any{"o": op.O, "k": k, "error": err.Error()}
}

func main() {
	client := connect()
	defer client.Close()
	out := json.NewEncoder(os.Stdout)
	// Connected or not: what follows says how it ends.
	_ = client.Ping(context.Background())
	_ = out.Encode(map[string]string{"k": "ready"})
	var lock sync.Mutex
	var running sync.WaitGroup
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var op operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			panic(err)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			answer := do(client, op)
			lock.Lock()
			defer lock.Unlock()
			_ = out.Encode(answer)
		}()
	}
	running.Wait()
}
