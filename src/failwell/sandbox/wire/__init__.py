"""Performs faults on real connections: a reset is an RST, a cut body is half a body and a FIN.

`Server` runs an ASGI app so that each HTTP request's scope carries a `Wire`; `FaultMiddleware`
uses it to break that request's connection on purpose.
"""

from failwell.sandbox.wire.connection import WIRE, Wire
from failwell.sandbox.wire.middleware import FaultMiddleware
from failwell.sandbox.wire.server import HOST, Server, running

__all__ = ["HOST", "WIRE", "FaultMiddleware", "Server", "Wire", "running"]
