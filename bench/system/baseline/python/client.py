"""The exercise's client, correct but not optimized. It reads its file row by row, makes an object of each bet, waits
for the answer to each batch, and polls for its winners until the draw is held."""
import csv
import io
import os
import socket
import time

from bet import parse_bets, to_row
from wire import Channel

AGENCY = os.environ["CLI_ID"]
BATCH_BYTES = 8192
PAUSE_SECONDS = 0.02


def connect():
    host, port = os.environ["CLI_SERVER_ADDRESS"].split(":")
    while True:
        try:
            return Channel(socket.create_connection((host, int(port))))
        except ConnectionRefusedError:
            time.sleep(PAUSE_SECONDS)


def format_row(bet):
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(to_row(bet))
    return row.getvalue()


def send_batch(channel, rows):
    channel.send("B", "\n".join(rows))
    channel.receive()


def upload(channel):
    rows = []
    size = 0
    with open(os.environ["CLI_DATA_FILE"], newline="", encoding="utf-8") as file:
        for bet in parse_bets(f"{AGENCY},{line}" for line in file):
            row = format_row(bet)
            row_bytes = len(row.encode()) + 1
            if size + row_bytes > BATCH_BYTES:
                send_batch(channel, rows)
                rows = []
                size = 0
            rows.append(row)
            size += row_bytes
    if rows:
        send_batch(channel, rows)


def ask_for_winners(channel):
    while True:
        channel.send("A")
        if channel.receive()[0] == "R":
            break
        time.sleep(PAUSE_SECONDS)
    channel.send("N", AGENCY)
    while True:
        kind, value = channel.receive()
        if kind == "O":
            return int(value)


def main():
    channel = connect()
    print("action: upload | result: in_progress", flush=True)
    upload(channel)
    channel.send("F")
    channel.receive()
    print("action: upload | result: success", flush=True)
    winners = ask_for_winners(channel)
    print(f"action: consulta_ganadores | result: success | cant_ganadores: {winners}", flush=True)
    channel.close()


main()
