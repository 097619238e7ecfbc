"""Stand-in until the real loop lands: an asyncio loop that owns time, with an in-memory network."""
from __future__ import annotations

import asyncio
import itertools
import selectors
import socket
from typing import Any


class _NullSelector(selectors.BaseSelector):
    def __init__(self):
        self.loop = None
        self._map = {}

    def register(self, fileobj, events, data=None):
        k = selectors.SelectorKey(fileobj, fileobj if isinstance(fileobj, int) else fileobj.fileno(), events, data)
        self._map[k.fd] = k
        return k

    def unregister(self, fileobj):
        return self._map.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def modify(self, fileobj, events, data=None):
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("deadlock: nothing scheduled")
        if timeout > 0:
            self.loop._now = max(self.loop._now, self.loop._scheduled[0]._when)
        return []

    def get_map(self):
        return self._map

    def close(self):
        pass


class MemTransport(asyncio.Transport):
    def __init__(self, loop, latency, extra):
        super().__init__(extra)
        self.loop = loop
        self.latency = latency
        self.peer = None
        self.proto = None
        self.closing = False
        self._paused = False
        self._buf = []

    def set_protocol(self, p):
        self.proto = p

    def get_protocol(self):
        return self.proto

    def is_closing(self):
        return self.closing

    def write(self, data):
        if self.closing:
            return
        data = bytes(data)
        if self.latency:
            self.loop.call_later(self.latency, self.peer._recv, data)
        else:
            self.loop.call_soon(self.peer._recv, data)

    def writelines(self, l):
        self.write(b"".join(l))

    def _recv(self, data):
        if self.closing:
            return
        if self._paused:
            self._buf.append(data)
            return
        self.proto.data_received(data)

    def pause_reading(self):
        self._paused = True

    def resume_reading(self):
        self._paused = False
        b, self._buf = self._buf, []
        for d in b:
            self.loop.call_soon(self._recv, d)

    def is_reading(self):
        return not self._paused

    def can_write_eof(self):
        return False

    def get_write_buffer_size(self):
        return 0

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def close(self):
        if self.closing:
            return
        self.closing = True
        self.loop.call_soon(self.proto.connection_lost, None)
        self.loop.call_soon(self.peer._eof)

    def abort(self):
        self.close()

    def _eof(self):
        if self.closing:
            return
        self.closing = True
        self.proto.eof_received()
        self.proto.connection_lost(None)


class MemServer(asyncio.AbstractServer):
    def __init__(self, loop, key, factory):
        self.loop = loop
        self.key = key
        self.factory = factory
        self.sockets = []

    def close(self):
        self.loop._listeners.pop(self.key, None)

    async def wait_closed(self):
        pass

    def is_serving(self):
        return self.key in self.loop._listeners

    async def start_serving(self):
        pass


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, latency_s: float = 0.0) -> None:
        sel: Any = _NullSelector()
        self._now = 0.0
        self._listeners: dict[Any, Any] = {}
        self.latency = latency_s
        self._hosts: dict[str, str] = {}
        self._n = itertools.count(1)
        self._dest: dict[int, Any] = {}
        super().__init__(sel)
        sel.loop = self
        self._clock_resolution = 1e-6

    def time(self):
        return self._now

    def add_host(self, name):
        ip = f"10.0.0.{next(self._n)}"
        self._hosts[name] = ip
        return ip

    def run_in_executor(self, executor, func, *args):
        f = self.create_future()
        try:
            f.set_result(func(*args))
        except Exception as e:
            f.set_exception(e)
        return f

    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        h = host.decode() if isinstance(host, bytes) else host
        ip = self._hosts.get(h) or (h if h in self._hosts.values() else None)
        if ip is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    async def sock_connect(self, sock, address):
        if (address[0], address[1]) not in self._listeners:
            raise ConnectionRefusedError(111, "Connection refused")
        self._dest[sock.fileno()] = address[:2]

    async def create_server(self, factory, host=None, port=None, **kw):
        s = MemServer(self, (host, port), factory)
        self._listeners[host, port] = s
        return s

    async def create_connection(self, factory, host=None, port=None, *, sock=None, ssl=None, **kw):
        if sock is not None:
            host, port = self._dest.pop(sock.fileno())
            sock.close()
        elif host not in self._hosts.values():
            host = (await self.getaddrinfo(host, port))[0][4][0]
        s = self._listeners.get((host, port))
        if s is None:
            raise ConnectionRefusedError(111, f"{host}:{port}")
        a = MemTransport(self, self.latency, {"peername": (host, port), "sockname": ("10.9.9.9", 1)})
        b = MemTransport(self, self.latency, {"peername": ("10.9.9.9", 1), "sockname": (host, port)})
        if port == 443:
            b._extra["sslcontext"] = object()
        a.peer, b.peer = b, a
        cp = factory()
        sp = s.factory()
        a.proto = cp
        b.proto = sp
        sp.connection_made(b)
        cp.connection_made(a)
        return a, cp
