"""A server as lean as a script can be: a thread for each agency, one write and one flush for all batches that a receive
has brought, no object for a bet.

It guarantees this much: an acknowledged batch is on the disk (fdatasync), and so is the name of the file; each row has
the six fields of a bet, by one regular expression for the batch. It has nothing else: a day that does not exist and a
field in quotes are no cases, no agency continues or is superseded, and nothing repairs the file after a crash."""
import os
import re
import signal
import socket
import threading

RECEIVE_BYTES = 262144
HEADER_BYTES = 7
WINNING_END = b",7574\n"
NAME = r"(?!\s*,)[^,\"\x00-\x1f\x7f-\x9f]{1,100}"
BET = NAME + "," + NAME + r",\d{1,12},\d{4}-(?:0[1-9]|1[012])-(?:0[1-9]|[12]\d|3[01]),\d{1,4}\n"

directory = os.environ["SERVER_DATA_DIR"]
agencies = int(os.environ["SERVER_AGENCIES"])
path = os.path.join(directory, "bets.csv")
finished_lock = threading.Lock()
finished = []
drawn = threading.Event()


def message(kind, value=b""):
    return kind + len(value).to_bytes(6, "little") + value


def winners_of(agency):
    with open(path, "rb") as file:
        bets = file.read()
    start = b"%d," % agency
    documents = []
    end = bets.find(WINNING_END)
    while end != -1:
        row = bets[bets.rfind(b"\n", 0, end) + 1 : end]
        if row.startswith(start):
            documents.append(row.split(b",")[3])
        end = bets.find(WINNING_END, end + 1)
    return documents


def serve(connection, file):
    agency = 0
    stored = 0
    pending = b""
    is_batch = None
    while True:
        received = connection.recv(RECEIVE_BYTES)
        if not received:
            return
        pending += received
        rows = []
        answers = []
        at = 0
        finishes = draws = False
        while len(pending) - at >= HEADER_BYTES:
            end = at + HEADER_BYTES + int.from_bytes(pending[at + 1 : at + HEADER_BYTES], "little")
            if end > len(pending):
                break
            kind = pending[at : at + 1]
            value = pending[at + HEADER_BYTES : end]
            at = end
            if kind == b"B":
                if not is_batch(value.decode()):
                    connection.sendall(message(b"E", b"bad-bet: a row is no bet"))
                    return
                rows.append(value)
                stored += value.count(b"\n")
                answers.append(message(b"O", b"%d" % stored))
            elif kind == b"F":
                finishes = True
                answers.append(message(b"O", b"%d" % stored))
            elif kind == b"A":
                draws = True
            elif drawn.is_set():
                documents = winners_of(agency)
                answers.append(message(b"R", b",".join(documents)) + message(b"O", b"%d" % len(documents)))
            else:
                agency = int(value)
                is_batch = re.compile(f"(?:{agency},{BET})+", re.ASCII).fullmatch
                answers.append(message(b"O", b"0"))
        pending = pending[at:]
        if rows:
            os.write(file, b"".join(rows))
            os.fdatasync(file)
            print("action: apuesta_recibida | result: success | cantidad:", len(rows))
        if answers:
            connection.sendall(b"".join(answers))
        if finishes:
            finish(agency)
        if draws:
            drawn.wait()
            connection.sendall(message(b"R"))


def finish(agency):
    with finished_lock:
        finished.append(agency)
        if len(finished) == agencies:
            drawn.set()


def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    os.makedirs(directory, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    parent = os.open(directory, os.O_RDONLY)
    os.fsync(parent)
    listener = socket.create_server(("127.0.0.1", int(os.environ["SERVER_PORT"])))
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(connection, file), daemon=True).start()


main()
