"""An agency in Python, from docs/protocol.md alone: python3 agency.py HOST PORT ID FILE.csv prints its winners."""
import socket, sys

host, port, agency, path = sys.argv[1:5]
server = socket.create_connection((host, int(port)))
answers = server.makefile("rb")

def say(kind, value=b""):
    server.sendall(kind + len(value).to_bytes(6, "little") + value)
    return hear()

def hear():
    header = answers.read(7)
    value = answers.read(int.from_bytes(header[1:], "little")).decode()
    if header[:1] in (b"E", b""):
        sys.exit(value or "the server has gone")
    return header[:1], value

with open(path, "rb") as file:
    rows = [agency.encode() + b"," + row for row in file.read().removeprefix(b"\xef\xbb\xbf").splitlines()]
stored = int(say(b"N", agency.encode())[1])  # after a lost connection, the upload goes on behind these
while stored < len(rows):
    end = stored + 1
    while end < len(rows) and len(b"\n".join(rows[stored : end + 1])) <= 8192:
        end += 1
    stored = int(say(b"B", b"\n".join(rows[stored:end]))[1])  # all of them are on the server's disk now
say(b"F", str(stored).encode())
while say(b"A")[0] == b"W":
    pass
kind, winners = say(b"N", agency.encode())
while kind == b"R":
    print(winners.replace(",", "\n"))
    kind, winners = hear()
