"""An independent merge engine, written from the merge rules alone and as plainly as they are: the
oracle for the native one. `Peer` is one file with its history, with the methods of
`realmsync.inspect.MergePeer`, so that either can stand in for the other."""

from merge.naive.peer import Peer, Received, transform
from merge.naive.rules import TransformError

__all__ = ["Peer", "Received", "TransformError", "transform"]
