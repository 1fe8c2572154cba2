#!/usr/bin/python3
"""A client on another host: asks one thing, or listens to one topic, and prints what it gets as a line of JSON.

    far_client.py CONTROL-ENDPOINT KEYS ask '{"op": "fetch", "stream": "a", …}'
    far_client.py BROADCAST-ENDPOINT KEYS hear TOPIC       (% is the byte 0)

KEYS is a JSON object with `public`, `secret` and `server`, or null for none. Nothing within --seconds: null.
"""

import argparse
import json

import msgpack
import zmq


def of_json(value):
    """A text "hex:…" stands for bytes."""
    return bytes.fromhex(value[4:]) if isinstance(value, str) and value.startswith("hex:") else value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("keys", type=json.loads)
    parser.add_argument("what", choices=["ask", "hear"])
    parser.add_argument("text")
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        if arguments.keys:
            socket.curve_publickey = arguments.keys["public"].encode()
            socket.curve_secretkey = arguments.keys["secret"].encode()
            socket.curve_serverkey = arguments.keys["server"].encode()
        socket.connect(arguments.endpoint)
        if arguments.what == "hear":
            socket.send(arguments.text.replace("%", "\0").encode())
        if arguments.what == "ask":
            fields = {name: of_json(value) for name, value in json.loads(arguments.text).items()}
            socket.send(msgpack.packb({"v": 1, "id": 1, **fields}))
        if not socket.poll(arguments.seconds * 1000):
            return print("null")
        frames = socket.recv_multipart()
        if arguments.what == "hear":
            return print(json.dumps({"topic": frames[0].decode()}))
        reply = msgpack.unpackb(frames[0])
        print(json.dumps({key: value for key, value in reply.items() if isinstance(value, (str, int, bool))}))


if __name__ == "__main__":
    main()
