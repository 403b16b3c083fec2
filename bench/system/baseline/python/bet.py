"""A bet as in the exercise: an object with six fields."""
import csv
import datetime
import re
from dataclasses import dataclass
from typing import Iterable, Iterator


@dataclass
class Bet:
    agency: str
    first_name: str
    last_name: str
    document: str
    birthdate: datetime.date
    number: int


def parse_bets(lines: Iterable[str]) -> Iterator[Bet]:
    """Raises ValueError for a row without exactly six valid fields."""
    for row in csv.reader(lines, strict=True):
        if len(row) != 6:
            raise ValueError(f"no bet: {row}")
        agency, first_name, last_name, document, birthdate, number = row
        if not first_name.strip() or not last_name.strip() or not re.fullmatch("[0-9]{1,12}", document):
            raise ValueError(f"no bet: {row}")
        if not re.fullmatch("[0-9]{1,4}", number):
            raise ValueError(f"no bet: {row}")
        yield Bet(agency, first_name, last_name, document, datetime.date.fromisoformat(birthdate), int(number))


def to_row(bet: Bet) -> list:
    return [bet.agency, bet.first_name, bet.last_name, bet.document, bet.birthdate.isoformat(), bet.number]
