from __future__ import annotations

import pytest

from dcgan_sweeps.tracking.secrets import mask_secrets


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:hunter2@db/mlflow",
        "https://user:hunter2@server:5000/path",
        "tracking.uri=mysql+pymysql://me:hunter2@host/x",
        "https://server/?token=hunter2",
        "password: hunter2",
        "AWS_SECRET_ACCESS_KEY=hunter2",
        "api_key='hunter2'",
        '{"password": "hunter2"}',
        "postgresql://me:hun/hunter2@db/mlflow",
        "--password hunter2",
        "--api-key=hunter2",
        "Authorization: Bearer hunter2",
        "authorization: Basic hunter2==",
        "https://hunter2@github.com/a/b",
        "postgresql://me:hun%40hunter2@db/mlflow",
        "MLFLOW_TRACKING_TOKEN=hunter2",
        "PGPASSWORD=hunter2 psql",
        "s3://bucket/key?X-Amz-Signature=hunter2&x=1",
        "aws_session_token = hunter2",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_is_masked(text):
    assert "hunter2" not in mask_secrets(text)


def test_other_text_stays():
    assert mask_secrets("tokenizers==0.20.1") == "tokenizers==0.20.1"
    assert mask_secrets("+while token:\n+    x = 1") == "+while token:\n+    x = 1"
    text = "http://127.0.0.1:5000 optimizer.lr=2e-4 a:b@c git@github.com:x/y --dir mlruns"
    assert mask_secrets(text) == text
