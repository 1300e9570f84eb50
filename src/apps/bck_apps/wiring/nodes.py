"""Nodes: give the jobs and profiles of a storage node that is gone to another one."""

from collections.abc import Callable

from bckcore.errors import NotFoundError, RefusedError
from bckcore.ports.node_queue import NodeQueue


def taken_over(
    node: str,
    *,
    own: str,
    of_node: Callable[[str], NodeQueue] | None,
    worker_of: Callable[[str], str] | None,
) -> int:
    """Make the jobs and profiles of ``node`` those of the node ``own``; how many jobs there were.

    ``of_node``: the queue of any node, where the database knows nodes. ``worker_of``: who works for a node,
    where the engine knows it; else a job under way tells.

    Raises RefusedError, also for a node that somebody works for, and NotFoundError.
    """
    if of_node is None or node == own or not node:
        raise RefusedError(
            f"The jobs of node {node!r} cannot be taken over by node {own!r}.",
            meaning="Nothing was changed.",
            advice="Give the name that the other node has, or had: 'bck queue status' lists names.",
        )
    if worker_of is not None and (who := worker_of(node)):
        raise RefusedError(
            f"Node {node} is not gone: {who} works for it.",
            meaning="Nothing was changed.",
            advice="Check the name: 'bck queue status' lists names. If it is right, end that runner.",
        )
    if worker_of is None and (job := of_node(node).at_work()):
        raise RefusedError(
            f"Node {node} is not gone: a runner there holds job {job}.",
            meaning="Nothing was changed.",
            advice="Check the name: 'bck queue status' lists names. If it is right, end that runner; if it "
            "is dead already, its hold ends by itself, usually within a minute: try again then.",
        )
    moved = of_node(own).take_over(node)
    if not moved:
        raise NotFoundError(
            f"No job belongs to a node {node}.", advice="See 'bck queue status' for the names."
        )
    return moved
