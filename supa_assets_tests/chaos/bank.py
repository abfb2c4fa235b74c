"""A database in which money moves all the time, and two files of different instants can't agree."""

from __future__ import annotations

import random
import threading
import time
from types import TracebackType

import psycopg

from supa_assets_tests.support.databases import Database

__all__ = ["SCHEMA", "Writers"]

ACCOUNT_COUNT = 100
START_BALANCE = 1_000
"""Of each account; tests and judge read it from the table `banks`, not from here."""

SCHEMA = f"""
CREATE TABLE banks (
    id integer PRIMARY KEY,
    start_balance bigint NOT NULL,
    transfer_count bigint NOT NULL DEFAULT 0
);
CREATE TABLE accounts (
    id integer PRIMARY KEY,
    bank_id integer NOT NULL REFERENCES banks,
    balance bigint NOT NULL
);
CREATE TABLE transfers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payer_id integer NOT NULL REFERENCES accounts,
    payee_id integer NOT NULL REFERENCES accounts,
    amount bigint NOT NULL
);
CREATE TABLE statements (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES accounts,
    body text NOT NULL
);
INSERT INTO banks (id, start_balance) VALUES (1, {START_BALANCE});
INSERT INTO accounts SELECT i, 1, {START_BALANCE} FROM generate_series(1, {ACCOUNT_COUNT}) AS i;
INSERT INTO statements
    SELECT i, 1 + i % {ACCOUNT_COUNT}, repeat(md5(i::text), 6) FROM generate_series(1, 30000) AS i;
ANALYZE;
"""
"""Four tables, of which `statements` takes most of an export's time."""

_PAUSE_S = 0.02
"""Some hundred thousand transfers in an hour of rounds: the bank still fits on the small disk."""


class Writers:
    """Threads that move money from account to account, each transfer a transaction of its own."""

    def __init__(self, database: Database, *, count: int = 2, seed: int = 0) -> None:
        self._database = database
        self._end = threading.Event()
        self._failures: list[psycopg.Error] = []
        self._threads = [
            threading.Thread(target=self._write, args=(random.Random(seed + number),), daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()
        if self._failures and error is None:
            raise self._failures[0]

    def _write(self, chance: random.Random) -> None:
        try:
            with psycopg.connect(self._database.superuser_url, autocommit=True) as connection:
                while not self._end.is_set():
                    _move_money(connection, chance)
                    time.sleep(_PAUSE_S)
        except psycopg.Error as error:
            self._failures.append(error)


def _move_money(connection: psycopg.Connection[tuple[object, ...]], chance: random.Random) -> None:
    """Accounts are locked in the order of their ids, so that two writers never wait for each other in a circle."""
    payer, payee = chance.sample(range(1, ACCOUNT_COUNT + 1), 2)
    amount = chance.randint(1, 50)
    with connection.transaction():
        for account, change in sorted(((payer, -amount), (payee, amount))):
            connection.execute(
                "UPDATE accounts SET balance = balance + %s WHERE id = %s", [change, account]
            )
        connection.execute(
            "INSERT INTO transfers (payer_id, payee_id, amount) VALUES (%s, %s, %s)",
            [payer, payee, amount],
        )
        connection.execute("UPDATE banks SET transfer_count = transfer_count + 1")
