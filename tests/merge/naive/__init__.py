"""An independent merge engine, written from the merge rules alone and as plainly as they are: the
oracle for the native one. `Peer` and `transform` can stand in for `realmsync.inspect.MergePeer` and
`realmsync._core.transform`."""

from merge.naive.peer import Peer, transform

__all__ = ["Peer", "transform"]
