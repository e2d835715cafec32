"""A PostgreSQL server of Debian's packages, on a temporary folder and a free port of 127.0.0.1.

with Postgres() as postgres:
    url = postgres.create("studies")
    postgres.restart()
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
from daemon import Daemon, find_free_port

USER = "sweeps"
FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
needs_postgres = pytest.mark.skipif(
    not FOUND, reason="there is no PostgreSQL; make test-cluster installs it"
)
# It refuses to run as root.
AS_USER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
PREFIX = AS_USER if os.geteuid() == 0 else []
# How a server ends at a signal: without its clients' consent, and without a clean shutdown.
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT


class Postgres:
    """A server with one user, who has a password."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="postgres_"))
        self.port = find_free_port()
        self.password = secrets.token_urlsafe()
        self.daemon = Daemon(self.root / "log", self.answers)

    def __enter__(self):
        if PREFIX:
            shutil.chown(self.root, "postgres")
        word = self.root / "password"
        word.write_text(self.password)
        word.chmod(0o644)  # its folder is closed to others
        options = [f"--username={USER}", f"--pwfile={word}", "--auth=scram-sha-256", "--locale=C"]
        self._call("initdb", f"--pgdata={self.data}", "--no-sync", *options)
        passwords = Path(self.environment["PGPASSFILE"])
        passwords.touch(0o600)
        passwords.write_text(f"127.0.0.1:{self.port}:*:{USER}:{self.password}\n")
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.root)

    @property
    def environment(self):
        """The variable with which clients find the password."""
        return {"PGPASSFILE": str(self.root / "passwords")}

    @property
    def data(self):
        return self.root / "data"

    def _call(self, program, *words):
        command = [*PREFIX, str(FOUND[-1].with_name(program)), *words]
        subprocess.run(command, check=True, cwd="/", capture_output=True)

    def answers(self):
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, database):
        """Return a connection in which each statement is a transaction of its own."""
        word = f"host=127.0.0.1 port={self.port} user={USER} password={self.password}"
        return psycopg.connect(f"{word} dbname={database} connect_timeout=5", autocommit=True)

    def create(self, database, encoding="UTF8"):
        """Create a database, and return its URL, which has no password: see `environment`."""
        with self.connect("postgres") as connection:
            words = f"CREATE DATABASE {database} ENCODING '{encoding}' TEMPLATE template0"
            connection.execute(words)
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self):
        settings = {"port": self.port, "listen_addresses": "127.0.0.1"}
        settings |= {"unix_socket_directories": "", "fsync": "off"}
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        program = str(FOUND[-1].with_name("postgres"))
        self.daemon.start([*PREFIX, program, "-D", str(self.data), *words])

    def end(self, number=IMMEDIATE):
        """End the server at once; with IMMEDIATE, it recovers when it starts again."""
        self.daemon.send(number)
        self.daemon.wait()

    def restart(self, number=IMMEDIATE):
        self.end(number)
        self.start()

    def kill(self):
        """Kill the server, as kill -9 does."""
        self.daemon.kill()

    def count_connections(self, database):
        with self.connect("postgres") as connection:
            words = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            return connection.execute(words, [database]).fetchone()[0]
