"""The exercise's server, correct but not optimized: the work of a careful student. It has a thread for each client, a
lock on the file of bets and one on the set of finished agencies, and an object for each bet. Each batch is appended and
flushed before its answer."""
import csv
import os
import signal
import socket
import threading

from bet import parse_bets, to_row
from wire import Channel

WINNING_NUMBER = 7574
DIRECTORY = os.environ["SERVER_DATA_DIR"]
PATH = os.path.join(DIRECTORY, "bets.csv")
AGENCIES = int(os.environ["SERVER_AGENCIES"])

file_lock = threading.Lock()
finished_lock = threading.Lock()
finished = set()


def store_bets(bets):
    with file_lock, open(PATH, "a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(to_row(bet) for bet in bets)
        file.flush()
        os.fsync(file.fileno())


def winners_of(agency):
    with file_lock, open(PATH, newline="", encoding="utf-8") as file:
        return [bet.document for bet in parse_bets(file) if bet.number == WINNING_NUMBER and bet.agency == agency]


def all_have_finished():
    with finished_lock:
        return len(finished) == AGENCIES


def handle_client(channel):
    agency = ""
    stored = 0
    while True:
        kind, value = channel.receive()
        if kind == "B":
            bets = list(parse_bets(value.split("\n")))
            agency = bets[0].agency
            store_bets(bets)
            stored += len(bets)
            print(f"action: apuesta_recibida | result: success | cantidad: {len(bets)}")
            channel.send("O", str(stored))
        elif kind == "F":
            with finished_lock:
                finished.add(agency)
            channel.send("O", str(stored))
        elif kind == "A" and not all_have_finished():
            channel.send("W", f"{len(finished)}/{AGENCIES}")
        elif kind == "A":
            channel.send("R")
        else:
            documents = winners_of(value)
            if documents:
                channel.send("R", ",".join(documents))
            channel.send("O", str(len(documents)))
            return


def serve(connection):
    channel = Channel(connection)
    try:
        handle_client(channel)
    finally:
        channel.close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    os.makedirs(DIRECTORY, exist_ok=True)
    listener = socket.create_server(("127.0.0.1", int(os.environ["SERVER_PORT"])))
    print("action: listen | result: success", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
