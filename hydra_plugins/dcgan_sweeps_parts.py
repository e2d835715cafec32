"""Adds the configuration files of packages that bring parts to Hydra's search path."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin

from dcgan_sweeps.config.compose import find_conf_dir
from dcgan_sweeps.config.parts import PROVIDER, list_conf_folders


class PartsSearchPath(SearchPathPlugin):
    """Adds one folder for each package; other programs that use Hydra are left alone."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        conf = str(find_conf_dir())
        if any(each.path in (conf, f"file://{conf}") for each in search_path.get_path()):
            replace_launchers(find_conf_dir())
            for package, folder in list_conf_folders():
                search_path.append(f"{PROVIDER}{package}", f"file://{folder}")


def replace_launchers(conf: Path) -> None:
    """Remove the registered configuration of each launcher that has a file in `conf`.

    Hydra would merge a plugin's own configuration with the file of the same name.
    """
    registered = ConfigStore.instance().repo["hydra"]["launcher"]
    for file in (conf / "hydra" / "launcher").glob("*.yaml"):
        registered.pop(file.name, None)
