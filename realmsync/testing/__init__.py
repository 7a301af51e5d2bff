"""Servers and bad networks for tests, ours and those of programs that use realmsync.

`run_server` runs a server in this process, `ServerProcess` one that can be killed, `FaultProxy`
stands between a client and a server and cuts or stalls the connections. All are synchronous and
live on threads of their own, so that they fit tests of any kind.
"""

from realmsync.testing.loop_thread import LoopThread
from realmsync.testing.network import FaultProxy
from realmsync.testing.servers import ServerProcess, run_server

__all__ = ["FaultProxy", "LoopThread", "ServerProcess", "run_server"]
