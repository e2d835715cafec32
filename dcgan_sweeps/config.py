"""Typed schemas of all configurations, with the allowed values of each field.

Default values are in conf/ only; a field here states its type and its allowed values.

    config = compose("config", ["optimizer.lr=2e-4"], Config)
    config.optimizer.lr  # 0.0002
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Optional, TypeVar

import hydra.version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.types import RunMode
from omegaconf import MISSING, DictConfig, Node, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """One error in a request: its key, and what was got and what is allowed."""

    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}"


@dataclass(frozen=True)
class Conflict(Fault):
    """A fault of two values that are each allowed, but not together."""


class RequestError(Exception):
    """Raised for a wrong request (exit status 2); its message has one line for each fault."""

    def __init__(self, faults: Sequence[Fault]):
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def refuse(key: str, problem: str) -> RequestError:
    """Return the error of a request that has one fault."""
    return RequestError([Fault(key, problem)])


def require_none(faults: Sequence[Fault]) -> None:
    """Raise RequestError if there are faults."""
    if faults:
        raise RequestError(faults)


@dataclass(frozen=True)
class Allowed:
    """A set of allowed values and its description; with `is_whole`, that names the type too."""

    test: Callable[[Any], bool]
    words: str
    is_whole: bool = False

    def __contains__(self, value: Any) -> bool:
        return self.test(value)


def number(low: float, high: float = math.inf, *, low_open: bool = False) -> Any:
    def test(value: Any) -> bool:
        above = value > low if low_open else value >= low
        return bool(above and value <= high and math.isfinite(value))

    words = f"{'above' if low_open else 'at least'} {low}"
    return _leaf(Allowed(test, words if math.isinf(high) else f"{words}, at most {high}"))


def one_of(*names: str) -> Any:
    return _leaf(Allowed(lambda value: value in names, ", ".join(names), is_whole=True))


def list_of(low: float, high: float, shortest: int, longest: int) -> Any:
    each = number(low, high).metadata["allowed"]
    count = f"{shortest} to {longest}" if shortest < longest else f"{shortest}"

    def test(value: Any) -> bool:
        are_numbers = all(type(item) in (int, float) for item in value)
        return are_numbers and shortest <= len(value) <= longest and all(x in each for x in value)

    return _leaf(Allowed(test, f"{count} items, each {each.words}"))


def auto_or_count() -> Any:
    words = "auto, or a whole number, at least 1, at most 9999"
    count = re.compile(r"auto|[1-9][0-9]{0,3}")
    return _leaf(Allowed(lambda value: count.fullmatch(value) is not None, words, is_whole=True))


def some_text() -> Any:
    # An unset shell variable leaves nothing after the "=".
    return _leaf(Allowed(lambda value: bool(value.strip()), "not blank"))


def anything() -> Any:
    return field(default=MISSING)


def _leaf(allowed: Allowed) -> Any:
    return field(default=MISSING, metadata={"allowed": allowed})


# A larger number is a typing error: each limit is far above any training so far.
MOST_EPOCHS = 1_000_000
MOST_IMAGES = 10_000_000
MINUTES_A_YEAR = 527_040

# Optional[...] and list[...] are written in the form that OmegaConf understands.


@dataclass(frozen=True)
class Data:
    name: str = one_of("fashion_mnist", "synthetic")
    dir: Optional[str] = some_text()
    limit: Optional[int] = number(1, MOST_IMAGES)
    shuffle_buffer: Optional[int] = number(1, MOST_IMAGES)
    count: Optional[int] = number(100, MOST_IMAGES)


@dataclass(frozen=True)
class Model:
    name: str = one_of("dcgan28")
    latent_dim: int = number(1, 65_536)
    dropout: float = number(0, 0.95)
    kernel_size: int = number(1, 28)
    generator_filters: list[int] = list_of(1, 65_536, 2, 2)
    discriminator_filters: list[int] = list_of(1, 65_536, 2, 2)
    generator_activation: str = one_of("relu", "leaky_relu", "elu", "selu", "gelu", "silu")
    leaky_slope: float = number(0, 1)
    batch_norm_momentum: float = number(0, 1)
    batch_norm_epsilon: float = number(0, 1, low_open=True)


@dataclass(frozen=True)
class Optimizer:
    name: str = one_of("adam")
    lr: float = number(0, 1, low_open=True)
    lr_discriminator: Optional[float] = number(0, 1, low_open=True)
    beta_1: float = number(0, 0.9999)
    beta_2: float = number(0, 0.999999)
    epsilon: float = number(0, 1, low_open=True)


@dataclass(frozen=True)
class Train:
    epochs: int = number(0, MOST_EPOCHS)
    batch_size: int = number(2, 1_000_000)
    steps_per_call: int = number(1, 1_000_000)
    checkpoint_every: Optional[int] = number(1, MOST_EPOCHS)
    fake_batch_norm: str = one_of("inference", "batch")
    generator_batch_norm: str = one_of("inference", "batch")
    discriminator_loss: str = one_of("mean", "sum")
    ema: Optional[float] = number(0, 0.999999, low_open=True)


@dataclass(frozen=True)
class Score:
    name: str = one_of("fcd", "none")
    every: int = number(1, MOST_EPOCHS)
    count: int = number(2, MOST_IMAGES)
    batch_size: int = number(1, 65_536)
    seed: int = number(0, 2**32 - 1)
    classifier: Optional[str] = some_text()
    extra_metrics: str = one_of("last", "every", "never")
    extrapolate: bool = anything()


@dataclass(frozen=True)
class Runner:
    device: str = one_of("auto", "cpu", "gpu")
    precision: str = one_of("auto", "float32", "mixed_bfloat16", "mixed_float16")
    jit: str = one_of("auto", "on", "off")
    threads: Optional[int] = number(1, 4096)
    deterministic: bool = anything()
    gpu_memory_mib: Optional[int] = number(256, 1_048_576)  # a TiB
    slots: str = auto_or_count()
    slots_per_gpu: int = number(1, 64)
    trial_timeout_min: Optional[float] = number(0, MINUTES_A_YEAR, low_open=True)


@dataclass(frozen=True)
class Tracking:
    name: str = one_of("mlflow", "none")
    uri: Optional[str] = some_text()
    dir: str = some_text()
    experiment: str = some_text()
    run_name: Optional[str] = some_text()
    offline: bool = anything()
    flush_timeout_s: float = number(0, 86_400)
    log_every: int = number(1, 1_000_000)
    system_metrics_s: float = number(0, 3600)
    keep_checkpoints: Optional[int] = number(2, MOST_EPOCHS)
    sample_rows: int = number(1, 32)
    sample_columns: int = number(1, 32)
    gif_frame_s: float = number(0.02, 60)
    gif_last_s: float = number(0.02, 60)


@dataclass(frozen=True)
class Config:
    """The configuration of a training run."""

    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    optimizer: Optimizer = field(default_factory=Optimizer)
    train: Train = field(default_factory=Train)
    score: Score = field(default_factory=Score)
    runner: Runner = field(default_factory=Runner)
    tracking: Tracking = field(default_factory=Tracking)
    seed: int = number(0, 2**32 - 1)
    resume: Optional[str] = some_text()


@dataclass(frozen=True)
class ClassifierConfig:
    """The configuration of training a scoring classifier."""

    data: Data = field(default_factory=Data)
    runner: Runner = field(default_factory=Runner)
    tracking: Tracking = field(default_factory=Tracking)
    seed: int = number(0, 2**32 - 1)
    epochs: int = number(1, MOST_EPOCHS)
    batch_size: int = number(2, 1_000_000)
    learning_rate: float = number(0, 1, low_open=True)
    weight_decay: float = number(0, 1)
    dropout: float = number(0, 0.95)
    filters: list[int] = list_of(1, 65_536, 1, 5)  # 28 pixels can be halved four times
    features: int = number(2, 4096)
    distort: bool = anything()


LEAST_EXTRAPOLATED = 100  # images; with fewer, the subsets of the regression have the same size

SCHEMAS = {"config": ("schema", Config), "classifier": ("classifier_schema", ClassifierConfig)}


def find_conf_dir() -> Path:
    """Return the folder of the defaults, inside the installed package or next to the sources."""
    package = Path(__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


@cache
def register_schemas() -> None:
    """Register the schemas with Hydra, which then rejects unknown keys and wrong types."""
    for name, schema in SCHEMAS.values():
        ConfigStore.instance().store(name=name, node=make_schema(schema))


def make_node(nested: Mapping[str, Any]) -> DictConfig:
    """Return a run's configuration as a node that checks types when a value is changed."""
    node: DictConfig = make_schema(Config)
    node.merge_with(escape_values(nested))
    return node


def escape_lookups(text: str) -> str:
    """Return text in which OmegaConf resolves nothing.

    An odd number of backslashes precedes each ${...}.
    """
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def escape_values(value: Any) -> Any:
    """Return values, nested or not, with every ${...} in their texts escaped."""
    if isinstance(value, Mapping):
        return {key: escape_values(each) for key, each in value.items()}
    return escape_lookups(value) if isinstance(value, str) else value


def make_schema(schema: Any) -> DictConfig:
    """Return the node of a frozen dataclass that Hydra can compose into."""
    node: DictConfig = OmegaConf.structured(schema)
    _thaw(node)
    return node


def _thaw(node: DictConfig) -> None:
    # OmegaConf makes a frozen dataclass read-only, and Hydra cannot compose into that.
    node._set_flag("readonly", None)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig):
            _thaw(child)


def freeze(composed: DictConfig) -> Any:
    """Return the checked frozen dataclass of a composed configuration.

    Raises RequestError with every key that is unknown, missing or out of range.
    """
    known = flatten(composed._metadata.object_type())
    written: Any = OmegaConf.to_container(composed, resolve=False)
    unknown = [key for key in flatten_nested(written) if key not in known]  # from +key=value
    faults = [Fault(key, "there is no such key") for key in unknown] + find_dangling(composed)
    if not faults:
        missing = sorted(OmegaConf.missing_keys(composed))
        faults += [Fault(key, "has no value") for key in missing]
    if faults:
        raise RequestError(faults)
    config = OmegaConf.to_object(composed)
    faults = find_faults(config) or find_conflicts(config)
    if faults:
        raise RequestError(faults)
    return config


def find_dangling(node: DictConfig, prefix: str = "") -> list[Fault]:
    """Return a fault for every ${...} that cannot be resolved, or not to a value of its type."""
    faults = []
    for key in map(str, node.keys()):  # "in node" omits keys that cannot be resolved
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_interpolation():
            faults += find_dangling(child, f"{prefix}{key}.")
        elif isinstance(child, Node) and child._is_interpolation():
            try:
                node[key]
            except OmegaConfBaseException as error:
                reason = str(error).partition("\n")[0]
                faults.append(Fault(f"{prefix}{key}", f"got {child._value()!s}; {reason}"))
    return faults


def compose(config_name: str, overrides: Sequence[str], kind: type[T]) -> T:
    """Return the checked configuration that Hydra composes from conf/ and `overrides`.

    A Hydra that is running in this process, as in a launcher's job, is left alone.
    """
    register_schemas()
    hydra.version.setbase("1.3")
    loader = ConfigLoaderImpl(create_config_search_path(str(find_conf_dir())))
    composed = loader.load_configuration(config_name, list(overrides), RunMode.RUN)
    with open_dict(composed):
        del composed["hydra"]
    config = freeze(composed)
    if not isinstance(config, kind):
        raise TypeError(f"{config_name} composes a {type(config).__name__}, not a {kind.__name__}")
    return config


@cache
def read_defaults() -> Config:
    """Return the configuration of a run without overrides."""
    return compose("config", [], Config)


def walk(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Field[Any]]]:
    """Yield (dotted key, value, field) of every leaf."""
    for each in fields(config):
        key, value = prefix + each.name, getattr(config, each.name)
        if is_dataclass(value):
            yield from walk(value, key + ".")
        else:
            yield key, value, each


def flatten(config: Any) -> dict[str, Any]:
    """Return {dotted key: value} of every leaf."""
    return {key: value for key, value, _ in walk(config)}


def flatten_nested(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return {dotted key: value} of every leaf of nested mappings."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        key = f"{prefix}{name}"
        flat |= flatten_nested(value, key + ".") if isinstance(value, Mapping) else {key: value}
    return flat


TYPE_NAMES = {
    "str": "text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list[int]": "a list of whole numbers",
    "list[float]": "a list of numbers",
    "list[str]": "a list of texts",
    "dict[str, Any]": "a mapping",
    "dict[str, str]": "a mapping of texts",
}
# The Python types that are accepted without a conversion.
TYPES: dict[str, Any] = {
    "str": str,
    "bool": bool,
    "int": int,
    "float": (int, float),
    "list[float]": list,
    "list[str]": list,
    "dict[str, Any]": dict,
}


def read_type(leaf: Field[Any]) -> tuple[str, bool]:
    """Return the type of a field as written in its schema, and whether it may be null."""
    kind = str(leaf.type)
    optional = kind.startswith("Optional[")
    return kind.removeprefix("Optional[").removesuffix("]" * optional), optional


def is_allowed(value: Any, leaf: Field[Any]) -> bool:
    """Return whether a field allows a value as it is, without a conversion by the schema."""
    kind, optional = read_type(leaf)
    if value is None:
        return optional
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "bool"):
        return False
    return value in leaf.metadata.get("allowed", [value])


def describe_allowed(leaf: Field[Any]) -> str:
    """Return a description of a field's values: "a whole number, at least 1, or null"."""
    allowed = leaf.metadata.get("allowed")
    if allowed is not None and allowed.is_whole:
        return str(allowed.words)
    kind, optional = read_type(leaf)
    words = [TYPE_NAMES[kind]]
    words += [allowed.words] if allowed is not None else []
    words += ["or null"] if optional else []
    return ", ".join(words)


def find_faults(config: Any, prefix: str = "") -> list[Fault]:
    """Return a fault for every value that its field does not allow.

    Text with a NUL or with an incomplete character is never allowed.
    """
    faults = []
    for key, value, leaf in walk(config, prefix):
        if value is not None and value not in leaf.metadata.get("allowed", [value]):
            faults.append(Fault(key, f"got {value}; allowed: {describe_allowed(leaf)}"))
        if isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
            faults.append(Fault(key, f"got {value!r}; allowed: UTF-8 text without NUL"))
    return faults


def find_conflicts(config: Any) -> list[Fault]:
    """Return a fault for every pair of values that are not allowed together.

    For a classifier, also for every value that its training would ignore.
    """
    data, runner = config.data, config.runner
    is_drawn = data.name == "synthetic"
    checks: list[tuple[object, str, str]] = [
        (
            is_drawn and data.dir,
            "data.dir",
            "got a folder; allowed: null, since data=synthetic reads no files",
        ),
        (
            is_drawn != (data.count is not None),
            "data.count",
            f"got {data.count}; allowed: a number with data=synthetic, else null",
        ),
    ]
    if isinstance(config, Config):
        least, batch_size = LEAST_EXTRAPOLATED, config.train.batch_size
        checks += [
            (
                config.score.extrapolate and config.score.count < least,
                "score.extrapolate",
                f"got true; allowed: with a score.count of at least {least}",
            ),
            (
                data.limit is not None and data.limit < batch_size,
                "data.limit",
                f"got {data.limit}; allowed: at least train.batch_size, {batch_size}",
            ),
        ]
    conflicts: list[Fault] = [Conflict(key, problem) for wrong, key, problem in checks if wrong]
    if isinstance(config, ClassifierConfig):
        heeded = {
            "data.limit": (data.limit, (None,)),
            "data.shuffle_buffer": (data.shuffle_buffer, (None,)),
            "runner.precision": (runner.precision, ("auto", "float32")),
            "runner.jit": (runner.jit, ("auto", "off")),
            "runner.slots": (runner.slots, ("auto",)),
            "runner.slots_per_gpu": (runner.slots_per_gpu, (1,)),
            "runner.trial_timeout_min": (runner.trial_timeout_min, (None,)),
        }
        conflicts += [
            Fault(key, f"got {got}; a classifier is trained on all images, in float32, without XLA")
            for key, (got, allowed) in heeded.items()
            if got not in allowed
        ]
    return conflicts
