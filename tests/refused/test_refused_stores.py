"""Stores and places that are refused: in each line the verb, its words, then how its fault begins.

All are asked for in a folder that `places` fills: a plain file, folders, links, databases.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, nullcontext

import pytest
from refusals import ask, require_refusal

from dcgan_sweeps.command import answer, started
from dcgan_sweeps.datasets import sources
from dcgan_sweeps.tracking import store

LONG = "x" * 10_000
URI = "tracking.uri: got"
HTTP = "allowed: http(s)://HOST:PORT"
MEMORY = "it would be kept in memory and lost at the end; allowed: sqlite:///FILE"
RUN_ID = "0" * 32
TINY = ("experiment=tiny", "train.epochs=0", "score=none")

ADDRESSES = [
    ("", "tracking.uri: got ; allowed: an address"),
    ("  ", "tracking.uri: got   ; allowed: an address"),
    ("mlruns", f"{URI} mlruns; allowed: http(s)://HOST:PORT, sqlite:///FILE"),
    ("./mlruns", f"{URI} ./mlruns; allowed: "),
    ("file:///tmp/mlruns", f"{URI} file:///tmp/mlruns; allowed: "),
    ("nonsense://x", f"{URI} nonsense://x; allowed: "),
    ("ftp://host/x", f"{URI} ftp://host/x; allowed: "),
    ("://", f"{URI} ://; allowed: "),
    (" sqlite:///x.db", f"{URI}  sqlite:///x.db; allowed: "),
    ("http://", f"{URI} http://; {HTTP}"),
    ("http:///x", f"{URI} http:///x; {HTTP}"),
    ("http://:5000", f"{URI} http://:5000; {HTTP}"),
    ("http://host:port", f"{URI} http://host:port; {HTTP}"),
    ("http://host:99999", f"{URI} http://host:99999; {HTTP}"),
    ("http://me:hunter2@host:99999", f"{URI} http://me:***@host:99999; {HTTP}"),
    ("http://[::1", f"{URI} http://[::1; {HTTP}"),
    ("http://two words", f"{URI} http://two words; {HTTP}"),
    ("http://host.invalid", "tracking.uri: http://host.invalid does not answer"),
    ("http://127.0.0.1:1", "tracking.uri: http://127.0.0.1:1 does not answer (Connection refused)"),
    ("databricks", "tracking.uri: databricks does not answer"),
    ("uc:http://127.0.0.1:1", "tracking.uri: uc:http://127.0.0.1:1 does not answer"),
    ("postgresql://host:port/x", f"{URI} postgresql://host:port/x; allowed: a database, as "),
    ("postgresql://host:99999/x", f"{URI} postgresql://host:99999/x; allowed: a database, as "),
    (
        "postgresql+no://me:hunter2@h/x",
        f"{URI} postgresql+no://me:***@h/x; SQLAlchemy has no driver",
    ),
    ("oracle://host", f"{URI} oracle://host; allowed: "),
    ("sqlite:x.db", f"{URI} sqlite:x.db; allowed: a database, as "),
    ("sqlite://", f"{URI} sqlite://; {MEMORY}"),
    ("sqlite:///", f"{URI} sqlite:///; {MEMORY}"),
    ("sqlite:///:memory:", f"{URI} sqlite:///:memory:; {MEMORY}"),
    ("sqlite://host/x.db", f"{URI} sqlite://host/x.db; allowed: sqlite:///FILE"),
    ("sqlite:///x.db?uri=true", f"{URI} sqlite:///x.db?uri=true; allowed: sqlite:///FILE"),
    ("sqlite:///x.db?timeout=soon", f"{URI} sqlite:///x.db?timeout=soon; invalid option after ?"),
    ("sqlite:///a\0b", f"{URI} 'a\\x00b'; it is not a valid path"),
    (f"sqlite:///{LONG}", f"{URI} "),
    ("sqlite:///missing.db", f"{URI} sqlite:///"),
    ("sqlite:///folder", f"{URI} "),
    ("sqlite:////dev/null", f"{URI} /dev/null; it is not a file"),
    ("sqlite:///pipe", f"{URI} "),
    ("sqlite:///loop", f"{URI} "),
    ("sqlite:///broken", f"{URI} sqlite:///"),
    ("sqlite:///file/x.db", f"{URI} "),
    ("sqlite:///foreign.db", f"{URI} sqlite:///"),
    ("sqlite:///ahead.db", f"{URI} sqlite:///"),
    ("sqlite:///optuna.db", f"{URI} sqlite:///"),
    ("sqlite:///text.db", "tracking.uri: sqlite:///"),
    ("sqlite:///damaged.db", "tracking.uri: sqlite:///"),
    ("sqlite:///older.db", f"{URI} sqlite:///"),
    ("sqlite:///newer.db", f"{URI} sqlite:///"),
]

FOLDERS = [
    ("nowhere", "tracking.dir: there is no mlflow.db in"),
    ("folder", "tracking.dir: there is no mlflow.db in"),
    ("broken", "tracking.dir: there is no mlflow.db in"),
    ("file", "tracking.dir: got "),
    ("file/below", "tracking.dir: got "),
    ("loop", "tracking.dir: got "),
    (LONG, "tracking.dir: got "),
    ("a\0b", "tracking.dir: got 'a\\x00b'; it is not a valid path"),
    ("~nobody-of-that-name", "tracking.dir: got '~nobody-of-that-name'; it is not a valid path"),
    ("half", "tracking.dir: got "),
    ("foreign", "tracking.dir: got sqlite:///"),
]

OTHERS = [
    ("compare", ["best", "best", "--uri=sqlite:///foreign.db"], f"{URI} sqlite:///"),
    ("generate", ["best", "--uri=sqlite:///foreign.db"], f"{URI} sqlite:///"),
    ("score", ["best", "--uri=sqlite:///foreign.db"], f"{URI} sqlite:///"),
    ("reproduce", ["best", "--uri=sqlite:///foreign.db"], f"{URI} sqlite:///"),
    ("reproduce", ["best", "--dir=a\0b"], "tracking.dir: got 'a\\x00b'; it is not a valid path"),
    ("reproduce", ["best", "--dir=loop"], "tracking.dir: got "),
    ("ui", ["--uri=sqlite:///foreign.db"], f"{URI} sqlite:///"),
    ("ui", ["--uri=sqlite:///folder"], f"{URI} "),
    ("ui", ["--uri=nonsense://x"], f"{URI} nonsense://x; allowed: "),
    ("ui", ["--dir=file"], "tracking.dir: got "),
    ("ui", ["--dir=file/below"], "tracking.dir: got "),
    ("ui", ["study:../../x", "--optuna", "--dir=store"], "TARGET: got 'study:../../x'; allowed"),
    ("report", ["study:it's", "--dir=store"], 'TARGET: got "study:it\'s"; allowed in the name'),
    ("report", ["study:`x`", "--dir=store"], "TARGET: got 'study:`x`'; allowed in the name"),
    ("report", ['study:"x"', "--dir=store"], "TARGET: got 'study:\"x\"'; allowed in the name"),
    ("report", ["study:a\nb", "--dir=store"], "TARGET: got 'study:a\\nb'; allowed in the name"),
    ("report", ["study:../../x", "--dir=store"], "TARGET: got 'study:../../x'; allowed in the"),
    ("report", ["study:", "--dir=store"], "TARGET: got 'study:'; allowed in the name"),
    ("reproduce", ["study:a' or '1", "--dir=store"], "TARGET: got "),
    ("generate", ["study:-", "--dir=store"], "TARGET: got 'study:-'; allowed in the name"),
    ("report", ["--dir=store", "--experiment=it's `x`"], "--experiment: "),
    ("run", ["@file/below"], ""),
    ("run", [f"@{LONG}"], ""),
    ("run", [*TINY, "@nul.txt"], "@nul.txt: is not text (byte "),
    (
        "run",
        [*TINY, "resume=loop"],
        "resume: got loop; allowed: best, latest, study:NAME or a run id",
    ),
    ("run", [*TINY, "tracking.uri=sqlite:///foreign.db"], f"{URI} sqlite:///"),
    ("run", [*TINY, "tracking.uri=sqlite:///older.db"], f"{URI} sqlite:///"),
    ("run", [*TINY, "tracking.uri=http://127.0.0.1:1"], "tracking.uri: http://127.0.0.1:1 does"),
    ("run", [*TINY, "tracking.uri='sqlite://'"], f"{URI} sqlite://; {MEMORY}"),
    ("run", [*TINY, "tracking.dir=file"], "tracking.dir: got "),
    ("run", [*TINY, "tracking.dir=file/below"], "tracking.dir: got "),
    ("run", [*TINY, "tracking.dir=loop"], "tracking.dir: got "),
    ("run", [*TINY, f"tracking.dir={LONG}"], "tracking.dir: got "),
    ("run", [*TINY, "tracking=none", "tracking.dir=file/x"], "tracking.dir: got "),
    ("run", [*TINY, "tracking.dir=foreign"], "tracking.dir: got sqlite:///"),
    ("run", [*TINY, f"tracking.experiment={'x' * 501}"], "tracking.experiment: got 'xxx"),
    (
        "run",
        [*TINY, "tracking.uri=sqlite:///new.db", "tracking.dir=file"],
        "tracking.dir: got ",
    ),
    ("run", ["-m", *TINY, "seed=0,1", "tracking.dir=file"], "tracking.dir: got "),
    ("run", ["-m", *TINY, "seed=0,1", "tracking.dir=loop"], "tracking.dir: got "),
    ("run", ["-m", *TINY, "seed=0,1", "tracking.uri=sqlite:///foreign.db"], f"{URI} sqlite:///"),
    ("run", ["-m", *TINY, "seed=0,1", f"tracking.experiment={'x' * 501}"], "tracking.experiment"),
]

STORAGE = "hydra.sweeper.storage: got"
STORAGES = [
    ("sqlite://", f"{STORAGE} sqlite://; {MEMORY}"),
    ("sqlite:///:memory:", f"{STORAGE} sqlite:///:memory:; {MEMORY}"),
    ("sqlite:///folder", f"{STORAGE} "),
    ("sqlite:///loop", f"{STORAGE} "),
    ("sqlite:///file/x.db", f"{STORAGE} "),
    ("sqlite:///foreign.db", f"{STORAGE} sqlite:///"),
    ("sqlite:///older.db", f"{STORAGE} sqlite:///"),
    ("sqlite:///text.db", "hydra.sweeper.storage: sqlite:///"),
    ("postgresql+no://me:hunter2@h/x", f"{STORAGE} postgresql+no://me:***@h/x; SQLAlchemy has"),
    ("mysql://host:port/x", f"{STORAGE} mysql://host:port/x; allowed: a database, as "),
    ("journal.log", f"{STORAGE} journal.log; allowed: a database, as "),
    ("redis://host", f"{STORAGE} redis://host; SQLAlchemy has no driver redis"),
]


def name(value):
    text = value if isinstance(value, str) else " ".join(value)
    return text.replace("\0", "NUL").replace("\n", " ")[:120]


def make_database(path, tables, revision=None, journal="delete"):
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA journal_mode = {journal}")
        for table in tables:
            file.execute(f"CREATE TABLE {table} (x)")
        if revision is not None:
            file.execute("CREATE TABLE alembic_version (version_num)")
            file.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        file.commit()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a store of MLflow's, made once."""
    root = tmp_path_factory.mktemp("made")
    store.connect(store.find_store(None, str(root / "store")))
    return root / "store"


@pytest.fixture
def places(tmp_path, made):
    """Fill a folder with what is no store, and one that is; return it."""
    (tmp_path / "file").write_text("a plain file")
    (tmp_path / "nul.txt").write_bytes(b"tracking.run_name='a\0b'\n")
    (tmp_path / "text.db").write_text("no database\n" * 100)
    for folder in ("folder", "foreign", "half/mlflow.db"):
        (tmp_path / folder).mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("gone")
    (tmp_path / "store").symlink_to(made)
    make_database(tmp_path / "foreign.db", ["songs", "singers"])
    make_database(tmp_path / "foreign" / "mlflow.db", ["songs"])
    make_database(tmp_path / "ahead.db", ["songs"], journal="wal")
    make_database(tmp_path / "optuna.db", ["studies", "trials"], "v4.0.0")
    make_database(tmp_path / "older.db", ["experiments", "runs"], "451aebb31d03")
    make_database(tmp_path / "newer.db", ["experiments", "runs"], "ffffffffffff")
    content = bytearray((tmp_path / "foreign.db").read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    (tmp_path / "damaged.db").write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(("uri", "fault"), ADDRESSES, ids=name)
def test_an_address_is_refused(uri, fault, monkeypatch, capsys, places):
    answer = ask(monkeypatch, capsys, places, "report", f"--uri={uri}")
    require_refusal(answer, [fault])
    assert "hunter2" not in answer.err


@pytest.mark.parametrize(("folder", "fault"), FOLDERS, ids=name)
def test_a_folder_is_refused(folder, fault, monkeypatch, capsys, places):
    require_refusal(ask(monkeypatch, capsys, places, "report", f"--dir={folder}"), [fault])


@pytest.mark.parametrize(("verb", "words", "fault"), OTHERS, ids=name)
def test_it_is_refused(verb, words, fault, monkeypatch, capsys, places):
    require_refusal(ask(monkeypatch, capsys, places, verb, *words), [fault])


@pytest.mark.parametrize(("storage", "fault"), STORAGES, ids=name)
def test_a_storage_of_trials_is_refused(storage, fault, monkeypatch, capsys, places):
    words = ["-m", *TINY, "seed=0,1", f"hydra.sweeper.storage='{storage}'"]
    refused = ask(monkeypatch, capsys, places, "run", *words)
    require_refusal(refused, [fault])
    assert "hunter2" not in refused.err


REFUSALS = [
    (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y: Permission denied"),
    (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    (OSError(errno.EXDEV, "Not here", "a", None, "b\nc"), "a: b c: Not here"),
    (ConnectionResetError("gone"), "gone"),
    (OSError(), "OSError"),
]


@pytest.mark.parametrize("is_started", [False, True])
@pytest.mark.parametrize(("error", "said"), REFUSALS, ids=lambda each: str(each)[:30])
def test_what_the_system_refuses_is_one_line(error, said, is_started, capsys):
    def work():
        with started() if is_started else nullcontext():
            raise error

    assert answer(work, "interrupted") == (1 if is_started else 2)
    printed = capsys.readouterr().err
    assert printed == f"{said}{'' if is_started else '; nothing was started'}\n"


def test_a_fault_of_ours_is_not_the_requests():
    def work():
        raise KeyError("ours")

    with pytest.raises(KeyError):
        answer(work, "interrupted")


def test_data_without_a_place_for_them_is_refused(monkeypatch, capsys, places):
    monkeypatch.setattr(sources, "DEBIAN_FOLDER", places / "nowhere")
    refused = ask(monkeypatch, capsys, places, "data", XDG_CACHE_HOME=str(places / "file"))
    require_refusal(refused, [f"{places}/file/dcgan_sweeps/fashion-mnist: cannot be used"])


@pytest.mark.parametrize("words", [["--html=file/x.html"], ["--html=loop/x.html"]])
def test_a_page_that_cannot_be_written_is_refused(words, monkeypatch, capsys, places):
    refused = ask(monkeypatch, capsys, places, "report", "--dir=store", *words)
    assert refused.status == 2
    assert "Traceback" not in refused.err
    assert refused.left == ()
