"""A team's servers: MLflow with a login, its store in PostgreSQL, its artifacts on S3.

with Team(tmp_path) as team:
    start(folder, command, **team.login)   # `login` has the variables that a client needs
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack

from postgres import Postgres
from s3 import BUCKET, S3
from server import Server

AUTH = """[mlflow]
default_permission = EDIT
database_uri = {auth}
admin_username = admin
# The password is hashed for each request otherwise, which takes half a second.
auth_cache_ttl_seconds = 60
"""


class Team:
    """The three servers; clients log in to MLflow and to PostgreSQL, and not to S3."""

    def __init__(self, folder):
        self.folder = folder
        self.password = secrets.token_urlsafe()
        self._stack = ExitStack()

    def __enter__(self):
        self.postgres = self._stack.enter_context(Postgres())
        self.s3 = self._stack.enter_context(S3(self.folder / "s3"))
        self.trials = self.postgres.create("trials")
        ini = self.folder / "auth.ini"
        ini.write_text(AUTH.format(auth=self.postgres.create("auth")))
        environment = {
            "MLFLOW_AUTH_CONFIG_PATH": str(ini),
            "MLFLOW_AUTH_ADMIN_PASSWORD": self.password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(),
            **self.postgres.environment,
            **self.s3.environment,
        }
        server = Server(
            self.folder / "server",
            "--app-name=basic-auth",
            store=self.postgres.create("runs"),
            artifacts=f"s3://{BUCKET}/artifacts",
            **environment,
        )
        self.server = self._stack.enter_context(server)
        return self

    def __exit__(self, *raised):
        self._stack.close()

    @property
    def uri(self):
        return self.server.uri

    @property
    def login(self):
        """The variables with which a client logs in to MLflow and finds that of PostgreSQL."""
        user = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": self.password}
        return {**user, **self.postgres.environment}

    @property
    def secrets(self):
        """The words that are to be in no file, tag, param or line."""
        return [self.password, self.postgres.password, self.s3.secret]
