"""A client as lean as a script can be: the whole file in memory, all batches sent at once, no check of a row, no
second attempt after a lost connection."""
import os
import socket
import time

BATCH_BYTES = 8192
HEADER_BYTES = 7
PAUSE_SECONDS = 0.005

agency = os.environ["CLI_ID"].encode()
host, port = os.environ["CLI_SERVER_ADDRESS"].split(":")


def message(kind, value=b""):
    return kind + len(value).to_bytes(6, "little") + value


def connect():
    while True:
        try:
            return socket.create_connection((host, int(port)))
        except ConnectionRefusedError:
            time.sleep(PAUSE_SECONDS)


def read_batches():
    with open(os.environ["CLI_DATA_FILE"], "rb") as file:
        rows = agency + b"," + file.read().rstrip(b"\r\n").replace(b"\r\n", b"\n" + agency + b",") + b"\n"
    batches = []
    start = 0
    while start < len(rows):
        end = rows.rfind(b"\n", start, start + BATCH_BYTES) + 1
        batches.append(message(b"B", rows[start:end]))
        start = end
    return batches


def receive(incoming):
    header = incoming.read(HEADER_BYTES)
    return header[:1], incoming.read(int.from_bytes(header[1:], "little"))


def main():
    batches = read_batches()
    with connect() as connection, connection.makefile("rb") as incoming:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("action: upload | result: in_progress", flush=True)
        connection.sendall(b"".join([message(b"N", agency), *batches, message(b"F")]))
        for _ in range(len(batches) + 2):
            kind, value = receive(incoming)
            if kind != b"O":
                raise SystemExit(value.decode())
        print("action: upload | result: success", flush=True)
        connection.sendall(message(b"A"))
        receive(incoming)
        connection.sendall(message(b"N", agency))
        documents = []
        while True:
            kind, value = receive(incoming)
            if kind == b"O":
                break
            documents += value.split(b",") if value else []
    print("action: consulta_ganadores | result: success | cant_ganadores:", len(documents), flush=True)


main()
