"""A Slurm cluster of two nodes on this machine, whose daemons can be killed and started again.

with SlurmCluster(tmp_path / "slurm", accounting=True) as cluster:
    cluster.call("sbatch", "--wrap=hostname")
    cluster.kill("slurmctld")
    cluster.start_controller()
    cluster.call("scontrol", "update", "nodename=node1", "state=down", "reason=test")

All of its configuration, state and logs are in the folder, so nothing in /etc is read or changed.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from server import find_free_port

# munged, then what runs the jobs; sacct needs slurmdbd and its database besides.
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
NEEDED_TO_ACCOUNT = ("slurmdbd", "sacctmgr", "sacct", "mariadbd", "mariadb-install-db")
PLACES = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # not in the PATH of a plain user
START_S = 120
NODES = ("node1", "node2")
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU,CR_LLN
SchedulerParameters=sched_min_interval=500000,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=1
SlurmdParameters=config_overrides
MinJobAge=300
KillWait=20
MessageTimeout=10
MailProg=/bin/true
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
NodeName=node1 NodeHostName={host} NodeAddr=127.0.0.1 Port={node1} CPUs=4 RealMemory=8000
NodeName=node2 NodeHostName={host} NodeAddr=127.0.0.1 Port={node2} CPUs=4 RealMemory=8000
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""
ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={slurmdbd}
AccountingStoragePass={folder}/munge.socket
"""
DATABASE = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={slurmdbd}
CommunicationParameters=NoInAddrAny
SlurmUser={user}
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={mariadbd}
StorageUser=slurm
StoragePass=slurm
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
"""


def find_missing(*, accounting: bool) -> list[str]:
    """Return the programs of Slurm that are not installed, [] where a cluster can be started."""
    needed = NEEDED + NEEDED_TO_ACCOUNT * accounting
    return [name for name in needed if find_program(name) is None]


def find_program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *PLACES]))


class SlurmCluster:
    """Two nodes of 4 CPUs, node1 and node2, and two partitions: jobs in `high` preempt `low`.

    `environment` has what Slurm's commands need. Every daemon ends with this process.
    """

    def __init__(self, folder: Path, *, accounting: bool = False):
        self.folder = folder
        self.accounting = accounting
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self):
        try:
            self._configure()
            self._start_munge()
            if self.accounting:
                self._start_accounting()
            self.start_controller()
            for node in NODES:
                self.start_node(node)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if "slurmctld" in self._processes:
            # Jobs are processes of their own: they outlive the daemon that started them.
            self.cancel_all()
        for name in reversed(list(self._processes)):
            self.kill(name)

    def call(self, *words: str) -> str:
        """Return what one of Slurm's commands prints."""
        command = [find_program(words[0]), *words[1:]]
        done = subprocess.run(command, env=self._all(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def list_jobs(self) -> list[tuple[str, str]]:
        """Return the (id, state) of each job that Slurm knows, and of those that ended lately."""
        rows = self.call("squeue", "-h", "--states=all", "--format=%A %T").splitlines()
        return [tuple(row.split()) for row in rows]

    def list_waiting(self) -> list[str]:
        """Return the names of the jobs that wait in the queue."""
        return self.call("squeue", "-h", "--states=pending", "--format=%j").split()

    def is_idle(self) -> bool:
        """Return whether no job runs or waits."""
        return not self.call("squeue", "-h")

    def release(self, name: str) -> bool:
        """Let a waiting job begin at once; return whether there was one of this name."""
        rows = self.call("squeue", "-h", "--states=pending", "--format=%A %j").splitlines()
        for job_id in (row.split()[0] for row in rows if row.split()[1] == name):
            self.call("scontrol", "update", f"jobid={job_id}", "starttime=now")
            return True
        return False

    def cancel_all(self) -> None:
        """Kill all jobs, and wait until they ended."""
        subprocess.run(
            [find_program("scancel"), "--signal=KILL", "--full", "--me"], env=self._all()
        )
        subprocess.run([find_program("scancel"), "--me"], env=self._all())
        self._wait_for(self.is_idle, "the end of the jobs")

    def start_controller(self) -> None:
        self._start("slurmctld", "slurmctld", "-D", "-i")
        self._wait_for(lambda: "UP" in self.call("scontrol", "ping"), "slurmctld")

    def start_node(self, node: str) -> None:
        self._start(node, "slurmd", "-D", "-N", node)
        self._wait_for(
            lambda: (
                self.call("sinfo", "-h", "-N", "-p", "low", "-n", node, "-o", "%T")
                in ("idle", "mixed", "allocated")
            ),
            node,
        )

    def kill(self, name: str) -> None:
        """Kill a daemon: slurmctld, slurmdbd, mariadbd, munged, node1 or node2."""
        process = self._processes.pop(name)
        if name == "mariadbd":  # the others need no notice
            os.killpg(process.pid, signal.SIGTERM)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        process.stdin.close()

    def _configure(self) -> None:
        self.folder.mkdir(parents=True)
        for name in ("state", *NODES):
            (self.folder / name).mkdir()
        names = ("controller", *NODES, "slurmdbd", "mariadbd")
        self._ports = {name: find_free_port() for name in names}
        host = socket.gethostname().partition(".")[0]
        known = {"folder": self.folder, "host": host, "user": getpass.getuser(), **self._ports}
        text = CONFIG + ACCOUNTING * self.accounting
        (self.folder / "slurm.conf").write_text(text.format(**known))
        database = self.folder / "slurmdbd.conf"
        database.write_text(DATABASE.format(**known))
        database.chmod(0o600)  # slurmdbd refuses any other mode

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={self.folder}/munge.{name}" for option, name in files.items()]
        options.append(f"--log-file={self.folder}/munged.log")
        self._start("munged", "munged", "--foreground", "--force", *options)
        self._wait_for((self.folder / "munge.socket").exists, "munged")

    def _start_accounting(self) -> None:
        data = self.folder / "database"
        user = f"--user={getpass.getuser()}"
        create = [find_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", user]
        create.append("--auth-root-authentication-method=normal")
        subprocess.run(create, check=True, capture_output=True)
        at = [f"--socket={self.folder}/mariadb.socket", f"--port={self._ports['mariadbd']}"]
        options = [f"--datadir={data}", user, "--bind-address=127.0.0.1"]
        self._start("mariadbd", "mariadbd", "--no-defaults", *options, *at)
        client = [find_program("mariadb"), "--no-defaults", "--user=root", at[0]]
        grant = "CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm'"
        grant += "; GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1'"
        self._wait_for((self.folder / "mariadb.socket").exists, "mariadbd")
        subprocess.run([*client, "--execute", grant], check=True, capture_output=True)
        self._start("slurmdbd", "slurmdbd", "-D")
        self._wait_for(lambda: "test" in self._add_cluster(), "slurmdbd")

    def _add_cluster(self) -> str:
        self.call("sacctmgr", "--immediate", "add", "cluster", "test")
        return self.call("sacctmgr", "--noheader", "show", "cluster")

    def _start(self, name: str, *words: str) -> None:
        command = [sys.executable, "-m", "dcgan_sweeps.lifeline", find_program(words[0])]
        with (self.folder / f"{name}.out").open("a") as log:
            self._processes[name] = subprocess.Popen(
                [*command, *words[1:]],
                env=self._all(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _all(self) -> dict[str, str]:
        return os.environ | self.environment

    def _wait_for(self, condition, what: str) -> None:
        until = time.monotonic() + START_S
        while True:
            try:
                if condition():
                    return
                problem = ""
            except AssertionError as error:  # the daemon does not answer yet
                problem = str(error)
            ended = [name for name, each in self._processes.items() if each.poll() is not None]
            assert not ended, f"{ended}: {self._read_logs()}"
            assert time.monotonic() < until, f"{what}: {problem}\n{self._read_logs()}"
            time.sleep(0.2)

    def _read_logs(self) -> str:
        found = [*self.folder.glob("*.log"), *self.folder.glob("*.out")]
        return "\n".join(f"--- {each.name}\n{each.read_text()[-2000:]}" for each in found)
