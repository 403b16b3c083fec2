"""Sends messages with a length in front, over TLS: json_rpc_client.py PORT CA.pem [CERTIFICATE.pem KEY.pem]

The messages are the lines of the standard input. Prints the received ones, up to the one whose id is "last".
"""

import json
import socket
import ssl
import struct
import sys

port, ca, *own = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.minimum_version = ssl.TLSVersion.TLSv1_3
if own:
    context.load_cert_chain(*own)

with socket.create_connection(("127.0.0.1", int(port)), timeout=15) as raw:
    with context.wrap_socket(raw, server_hostname="localhost") as tls:
        stream = tls.makefile("rwb")
        for message in sys.stdin.buffer.read().splitlines():
            stream.write(struct.pack("!I", len(message)) + message)
        stream.flush()
        received = None
        while received is None or received["id"] != "last":
            (length,) = struct.unpack("!I", stream.read(4))
            received = json.loads(stream.read(length).decode())
            print(json.dumps(received))
