"""Runs a Ray cluster: `serve_ray.py FOLDER` prints its address, then reads requests.

`add` is answered by the raylet of a new node, and `kill PID` kills one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ray.cluster_utils import Cluster

MEMORY = 80_000_000  # bytes of each node's object store


def serve(folder):
    """Run the cluster until standard input is closed."""
    node = {"object_store_memory": MEMORY, "node_ip_address": "127.0.0.1"}
    head = {**node, "num_cpus": 0, "include_dashboard": False, "temp_dir": folder}
    Path("/tmp/ray").mkdir(exist_ok=True)  # Ray writes the address of the cluster there
    cluster = Cluster(initialize_head=True, head_node_args=head)
    print(cluster.address, flush=True)
    nodes = {}
    for line in sys.stdin:
        match line.split():
            case ["add"]:
                added = cluster.add_node(**node, num_cpus=1)
                pid = added.all_processes["raylet"][0].process.pid
                nodes[pid] = added
                print(pid, flush=True)
            case ["kill", pid]:
                cluster.remove_node(nodes.pop(int(pid)), allow_graceful=False)
                print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    serve(sys.argv[1])
