from __future__ import annotations

import time

import pytest

from dcgan_sweeps.secrets import mask_secrets

SECRETS = [
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
    # spelt for a URL, once and twice
    "PWD%3Dhunter2",
    "PWD%253Dhunter2",
    "odbc_connect=DRIVER%3D%7BODBC%7D%3BPWD%3Dhunter2%3BUID%3Dme",
    "postgresql%3A%2F%2Fme%3Ahunter2%40db%2Fmlflow",
    "http://h/?to=https%3A%2F%2Fme%3Ahunter2%40db",
    "http%3A%2F%2Fhunter2%40host",
    "http://h/?password=hun%20hunter2",
    "http://h/?next=%2Fx%3Ftoken%3Dhunter2%26y%3D1",
    # signs and blanks in a password
    "http://user:p@hunter2@host/x",
    "http://user:hun ter hunter2@host/x",
    "http://user:hunter2 hun@host/x",
    "http://user:1 hunter2@host/x",
    "redis://:hunter2@host",
    "'password=my hunter2'",
    '"tracking.uri=x?password=my hunter2&y=1"',
    "password='my hunter2'",
    "password=\"my 'hunter2'\"",
    "password: my hunter2",
    "    db_password: my hunter2",
    "Server=h;Password=my hunter2;Database=x",
    "Pwd=my hunter2;",
    "--token hunter2",
    "--token 'my hunter2'",
    "['--token', 'hunter2']",
    "--db-password=hunter2",
    # signatures and keys of clouds
    "https://x.blob.core.windows.net/c?sv=2024&sig=hunter2%3D",
    "https://x/?sig=hunter2",
    "https://storage/x?Expires=1&Signature=hunter2",
    "https://storage/x?X-Goog-Signature=hunter2",
    "https://x%3Fsv%3D2024%26sig%3Dhunter2",
    "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=hunter2==;EndpointSuffix=x",
    "SharedAccessKey=hunter2",
    "SharedAccessSignature=hunter2",
    "X-Amz-Security-Token=hunter2",
    "sas_token=hunter2",
    "https://hooks.slack.com/services/T0/B0/hunter2",
    "client_secret_value=hunter2",
    "SECRET_KEY_BASE=hunter2",
    "password2=hunter2",
    "DB_PASS=hunter2",
    "passphrase=hunter2",
    "Cookie: session=hunter2",
    "token eyJhbGciOi.eyJzdWIi.hunter2",
    # JSON, and JSON in JSON
    '{"password": "my \\"hunter2\\""}',
    '{"text": "{\\"password\\": \\"my hunter2\\"}"}',
    '"http:\\/\\/user:hunter2@host"',
    '"password\\u003dhunter2"',
    "{'token': 'my hunter2'}",
]
PLAIN = [
    "tokenizers==0.20.1",
    "+while token:\n+    x = 1",
    "http://127.0.0.1:5000 optimizer.lr=2e-4 a:b@c git@github.com:x/y --dir mlruns",
    "token_count=3",
    "max_tokens=100",
    "tokenizer='bert'",
    "password_length: 12",
    "--tokens-per-step 5",
    "--secret-santa me",
    "signature=0123456789abcdef",
    "signature: 0123456789abcdef",
    "sqlite:////home/me/mlruns/mlflow.db",
    "a basic model of 5 layers",
    "bearer of news",
    "s3://bucket/key?versionId=3",
    "http://[::1]:5000/#/experiments/1",
    "the key passed: yes",
    "assert password == other",
    "models:/demo@best",
    "significant=1&design=2",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_masked(text):
    masked = mask_secrets(text)
    assert "hunter2" not in masked
    assert mask_secrets(masked) == masked


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_stays(text):
    assert mask_secrets(text) == text


def test_what_is_around_a_secret_stays():
    assert mask_secrets("mysql://me:hunter2@h/x and y") == "mysql://me:***@h/x and y"
    assert mask_secrets("https://h/?sig=hunter2&x=1") == "https://h/?sig=***&x=1"
    assert mask_secrets("a=1;Password=hunter2;b=2") == "a=1;Password=***;b=2"


@pytest.mark.parametrize("text", [*"a-' ", "token", "token=", "://a:", "--token "])
def test_a_long_text_takes_no_longer_than_its_length_asks(text):
    begin = time.process_time()
    mask_secrets(text * (300_000 // len(text)))
    # Under 0.5 s each; where each start is searched to the end, minutes.
    assert time.process_time() - begin < 20
