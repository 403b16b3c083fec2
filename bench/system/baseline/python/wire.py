"""The protocol's messages on a socket, with strings as their values."""
import socket

HEADER_BYTES = 7


class Channel:
    def __init__(self, connection: socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._incoming = connection.makefile("rb")

    def send(self, kind: str, value: str = "") -> None:
        data = value.encode()
        self._connection.sendall(kind.encode() + len(data).to_bytes(6, "little") + data)

    def receive(self) -> tuple:
        """The next message. Raises ConnectionError after the end of the peer, and for an E."""
        header = self._incoming.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            raise ConnectionError("the peer has ended")
        kind = header[:1].decode()
        value = self._incoming.read(int.from_bytes(header[1:], "little")).decode()
        if kind == "E":
            raise ConnectionError(value)
        return kind, value

    def close(self) -> None:
        self._incoming.close()
        self._connection.close()
