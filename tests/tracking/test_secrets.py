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
    ],
)
def test_a_secret_is_masked(text):
    assert "hunter2" not in mask_secrets(text)


def test_other_text_stays():
    text = "http://127.0.0.1:5000 optimizer.lr=2e-4 a:b@c"
    assert mask_secrets(text) == text
