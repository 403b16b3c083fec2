"""An agency in Python, by docs/protocol.md only: python3 agency.py HOST PORT ID FILE.csv prints its winners."""
import socket, sys

host, port, agency, path = sys.argv[1:5]
server = socket.create_connection((host, int(port)))
responses = server.makefile("rb")

def request(kind, value=b""):
    server.sendall(kind + len(value).to_bytes(6, "little") + value)
    return receive()

def receive():
    header = responses.read(7)
    value = responses.read(int.from_bytes(header[1:], "little")).decode()
    if header[:1] in (b"E", b""):
        sys.exit(value or "the server has closed the connection")
    return header[:1], value

with open(path, "rb") as file:
    rows = [agency.encode() + b"," + row for row in file.read().removeprefix(b"\xef\xbb\xbf").splitlines()]
stored = int(request(b"N", agency.encode())[1])  # the upload continues after the stored bets
while stored < len(rows):
    end = stored + 1
    while end < len(rows) and len(b"\n".join(rows[stored : end + 1])) <= 8192:
        end += 1
    stored = int(request(b"B", b"\n".join(rows[stored:end]))[1])  # the batch is on the server's disk
request(b"F", str(stored).encode())
while request(b"A")[0] == b"W":
    pass
kind, winners = request(b"N", agency.encode())
while kind == b"R":
    print(winners.replace(",", "\n"))
    kind, winners = receive()
