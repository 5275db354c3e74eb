"""A client for `redis-lab load LAB --client 'python3 client.py'`, with nothing but the standard library.

It reads one operation a line, does it, and prints how that ended. It knows the three layouts: it follows MOVED and ASK of a cluster, asks the
sentinels for the master, or talks to the one server. Lines are worked on one after the other; a real application would use its own library here.
"""

import json
import os
import socket
import sys

PASSWORD = os.environ["REDISCLI_AUTH"]
LAYOUT = os.environ["REDIS_LAB_LAYOUT"]
NODES = [node.rsplit(":", 1) for node in os.environ["REDIS_NODES"].split(",")]
SENTINELS = [node.rsplit(":", 1) for node in os.environ.get("REDIS_SENTINELS", "").split(",") if node]
MASTER_NAME = os.environ.get("REDIS_SENTINEL_MASTER", "")
TIMEOUT_S = 0.5


class Refused(Exception):
    """The server answered with an error: it did not do the command."""


class NotSent(Exception):
    """Nothing left this process."""


class Connection:
    def __init__(self, host, port, password=None):
        try:
            self.socket = socket.create_connection((host, int(port)), TIMEOUT_S)
        except OSError as error:
            raise NotSent(f"connect to {host}:{port}: {error}") from error
        self.file = self.socket.makefile("rb")
        if password:
            try:
                self.call("AUTH", password)
            except OSError as error:
                raise NotSent(f"AUTH at {host}:{port}: {error}") from error

    def call(self, *words):
        encoded = [str(word).encode() for word in words]
        command = b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self.socket.sendall(command)
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the connection was closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise Refused(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == "-1" else [self.reply() for _ in range(int(rest))]
        raise ConnectionError(f"not an answer of Redis: {line!r}")

    def close(self):
        self.socket.close()


connections = {}
owners = {}  # hash tag -> (host, port)


def connection_to(node):
    if node not in connections:
        connections[node] = Connection(*node, PASSWORD)
    return connections[node]


def forget(node):
    if node in connections:
        connections.pop(node).close()
    for tag in [tag for tag, owner in owners.items() if owner == node]:
        del owners[tag]


def master():
    """The one master of a layout without slots."""
    if LAYOUT != "sentinel":
        return os.environ["REDIS_HOST"], os.environ["REDIS_PORT"]
    for host, port in SENTINELS:
        try:
            sentinel = Connection(host, port, os.environ.get("REDIS_SENTINEL_PASSWORD"))
            try:
                found = sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
            finally:
                sentinel.close()
            if found:
                return tuple(found)
        except (NotSent, OSError, Refused):
            continue
    raise NotSent("no sentinel names a master")


def candidates(tag):
    """Servers to try for a key, until one was sent the command."""
    if LAYOUT != "cluster":
        if "master" not in owners:
            owners["master"] = master()
        return [owners["master"]]
    known = [owners[tag]] if tag in owners else []
    return known + [(host, port) for host, port in NODES if (host, port) not in known]


def do(*words):
    tag = words[1][words[1].index("{") + 1 : words[1].index("}")]
    last = NotSent("no server")
    for node in candidates(tag):
        asking = False
        for _ in range(5):
            try:
                connection = connection_to(node)
                if asking:
                    connection.call("ASKING")
                reply = connection.call(*words)
                if LAYOUT == "cluster" and not asking:
                    owners[tag] = node
                return reply
            except NotSent as error:
                forget(node)
                last = error
                break  # the next server may know more
            except OSError:
                forget(node)
                raise
            except Refused as error:
                code, *rest = str(error).split(" ")
                if code not in ("MOVED", "ASK"):
                    if code == "READONLY":
                        forget(node)
                    raise
                node, asking = tuple(rest[1].rsplit(":", 1)), code == "ASK"
    raise last


def outcome(operation):
    o, op, key = operation["o"], operation["op"], operation["key"]
    try:
        if op == "set":
            ttl = ["EX", operation["ttl"]] if "ttl" in operation else []
            do("SET", key, operation["value"], *ttl)
            return {"o": o, "k": "ok"}
        return {"o": o, "k": "ok", "v": do("GET" if op == "get" else "INCR", key)}
    except (Refused, NotSent) as error:
        return {"o": o, "k": "fail", "error": str(error)}
    except OSError as error:
        # It was sent, and no answer came: it may have been done.
        return {"o": o, "k": "unknown", "error": str(error)}


print('{"k":"ready"}', flush=True)
for line in sys.stdin:
    print(json.dumps(outcome(json.loads(line))), flush=True)
